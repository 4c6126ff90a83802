"""The two functions of six that the tests use."""


def ensure_binary(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode()


def ensure_str(text: str | bytes) -> str:
    return text if isinstance(text, str) else text.decode()
