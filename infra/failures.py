"""Says what the failure of an `az`, `func` or `azd` command means, and what to do about it.

python -m infra.failures kind CODE                  (stdin: the error output; prints the kind of failure)
python -m infra.failures explain CODE COMMAND...    (stdin: the error output; prints what to do)
"""

import re
import sys
from enum import StrEnum

from infra.rights import right_commands

TIME_LIMIT_CODES = (124, 137)
"""Exit codes of `timeout`: it ended the command, by SIGTERM or by SIGKILL."""


class Kind(StrEnum):
    """What kind of failure it is. Only some are worth repeating the command for."""

    TIMED_OUT = "timed-out"
    THROTTLED = "throttled"
    UNAVAILABLE = "unavailable"
    DENIED = "denied"
    """The caller lacks a right, which another person has to grant."""
    REFUSED = "refused"
    """A service answers 403. After a deployment that is often a role that has not taken effect yet."""
    SIGNED_OUT = "signed-out"
    UNREGISTERED = "unregistered"
    OTHER = "other"


_PATTERNS = (
    (Kind.SIGNED_OUT, r"\baz login\b|AADSTS\d+|\bazd auth login\b"),
    (Kind.THROTTLED, r"\b429\b|too ?many ?requests|ServerBusy|throttl"),
    (Kind.UNREGISTERED, r"MissingSubscriptionRegistration|SubscriptionNotRegistered|not registered to use namespace"),
    (
        Kind.DENIED,
        (
            r"AuthorizationFailed|does not have authorization to perform action|Insufficient privileges"
            r"|RoleAssignmentUpdateNotPermitted|does not have permission to perform action"
        ),
    ),
    (
        Kind.REFUSED,
        (
            r"\b403\b|Forbidden|AuthorizationPermissionMismatch|InaccessibleStorage|not authorized to perform"
            r"|do not have the required permissions|\bUnauthorized\b"
        ),
    ),
    (
        Kind.UNAVAILABLE,
        (
            r"(?:HTTP|status|code|error)\W{0,12}50[0234]\b|ServiceUnavailable|Bad ?Gateway|Gateway ?Time-?out"
            r"|InternalServerError|Connection (?:reset|aborted|refused)|ConnectionError|Max retries exceeded"
            r"|Temporary failure in name resolution|Read timed out"
        ),
    ),
)


def kind_of(code: int, output: str) -> Kind:
    """The kind of failure, by the exit code of the command and its error output."""
    if code in TIME_LIMIT_CODES:
        return Kind.TIMED_OUT
    return next((kind for kind, pattern in _PATTERNS if re.search(pattern, output, re.IGNORECASE)), Kind.OTHER)


def explain(code: int, command: list[str], output: str) -> str:
    """What happened, then what to do: one or more lines."""
    shown = _shown(command)
    match kind_of(code, output):
        case Kind.TIMED_OUT:
            waits = "It may still be running in Azure: look under Deployments in the portal before you repeat it."
            return f"'{shown}' did not end within its time limit.{' ' + waits if 'create' in command else ''}"
        case Kind.THROTTLED:
            return f"Azure throttles '{shown}' (429). Wait some minutes."
        case Kind.UNAVAILABLE:
            return f"Azure could not serve '{shown}'. See https://status.azure.com and your network, and wait."
        case Kind.SIGNED_OUT:
            return f"'{shown}' needs a login: run 'az login' (or 'azd auth login')."
        case Kind.UNREGISTERED:
            found = re.search(r"namespace '?([\w.]+)", output)
            name = found[1] if found else "NAMESPACE"
            return f"The resource provider is not registered:\n  az provider register --namespace {name} --wait"
        case Kind.DENIED:
            return "\n".join([f"You lack a right that '{shown}' needs.", *right_commands(command, output)])
        case Kind.REFUSED:
            return "\n".join(
                [
                    (
                        f"'{shown}' was refused (403). A role may need up to 30 minutes until it takes effect. If a"
                        " firewall refuses you, use an address in allowedIpRanges or publishIpRanges. If you lack a"
                        " role:"
                    ),
                    *right_commands(command, output),
                ]
            )
        case Kind.OTHER:
            return f"'{shown}' failed; its error is above."


def _shown(command: list[str]) -> str:
    """The command without its options."""
    options = next((n for n, word in enumerate(command) if word.startswith("-")), len(command))
    return " ".join(command[:options])


def main(arguments: list[str]) -> int:
    match arguments:
        case ["kind", code]:
            print(kind_of(int(code), sys.stdin.read()))
            return 0
        case ["explain", code, *command] if command:
            print(explain(int(code), command, sys.stdin.read()))
            return 0
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
