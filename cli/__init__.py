"""The command `gifdrop`: converts videos with the local stack or a deployed app, and shows how they are doing."""
