"""`GET health`: the checks of what gifdrop needs."""
