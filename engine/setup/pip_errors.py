"""Explanation of a failed pip: one sentence with the cause and what to do.

The causes that downloads share are here too.

Standard library only, since install.py runs this before there is anything else.
"""

from __future__ import annotations

import re

from engine.translations import N_, _

_DISK_FULL = (
    r"No space left on device|not enough space|Errno 28\b|Errno 122\b|WinError 112|quota exceeded"
)

# What pip prints or logs, from the most to the least specific, and what it means.
_CAUSES = {
    _DISK_FULL: (
        N_("the disk is full; free some space (2 GB, with CUDA 8 GB) and run this again.")
    ),
    r"CERTIFICATE_VERIFY_FAILED|SSLCertVerificationError|certificate verify failed": (
        N_(
            "{server}'s certificate cannot be verified; check this machine's clock, or, behind a "
            "proxy that reads along, give pip its certificate with PIP_CERT."
        )
    ),
    r"SSLError|\[SSL[:\]]": (
        N_(
            "{server} does not answer with TLS as it should; check its address and the proxy's "
            "settings (HTTPS_PROXY)."
        )
    ),
    r"407 Proxy Auth": (
        N_(
            "the proxy asks for a name and a password; set them as "
            "HTTPS_PROXY=http://NAME:PASSWORD@HOST:PORT."
        )
    ),
    r"ProxyError|Cannot connect to proxy|Tunnel connection failed": (
        N_(
            "the proxy cannot be reached or refuses the connection; check HTTPS_PROXY, "
            "HTTP_PROXY and pip's own setting 'proxy', and run this again."
        )
    ),
    r"name resolution|getaddrinfo failed|Name or service not known|nodename nor servname"
    r"|NameResolutionError|No address associated": (
        N_(
            "{server}'s name cannot be resolved (DNS); check the network, or its address, and "
            "run this again."
        )
    ),
    r"\b401 Client Error|\b403 Client Error": (
        N_("{server} refuses access; check the name and password in its address.")
    ),
    r"\b(429|5\d\d) (Client|Server) Error": N_("{server} has a fault; wait and run this again."),
    r"ConnectTimeoutError|ReadTimeoutError|timed out": (
        N_(
            "{server} does not answer in time; check the network and a firewall, and run this "
            "again."
        )
    ),
    r"NewConnectionError|Failed to establish a new connection|Network is unreachable"
    r"|No route to host|Connection refused": (
        N_("{server} cannot be reached; check the network and run this again.")
    ),
    r"Connection reset|Connection aborted|connection broken|IncompleteRead|incomplete-download"
    r"|RemoteDisconnected": N_("the connection to {server} broke; run this again."),
    r"DO NOT MATCH THE HASHES": N_("a package arrived damaged; run this again."),
    r"not a trusted or secure host": (
        N_(
            "{server} is addressed without TLS, which pip refuses; use https, or set "
            "PIP_TRUSTED_HOST."
        )
    ),
    r"Failed building wheel|error: command '[^']*(cc|gcc|clang|cl\.exe)[^']*' failed"
    r"|Microsoft Visual C\+\+|metadata-generation-failed": (
        N_(
            "a package would have to be compiled, and that failed; use a Python from 3.11 to "
            "3.14, for which there are ready packages."
        )
    ),
    r"PermissionError|Permission denied|Errno 13\b|WinError 5\b|Errno 30\b|Read-only file": (
        N_(
            "a file cannot be written; check the folder's permissions, and close whatever still "
            "uses Scumble."
        )
    ),
    r"MemoryError|Cannot allocate memory": N_("there is not enough memory."),
}


def explain_connection(text: str, server: str) -> str:
    """Return one sentence for an error of the network or the system; '' for any other text.

    Parameters
    ----------
    text : str
        What a program printed.
    server : str
        What the sentence calls the other side.
    """
    for pattern, explanation in _CAUSES.items():
        if re.search(pattern, text, re.IGNORECASE):
            return _(explanation).format(server=server)
    return ""


def is_disk_full(text: str) -> bool:
    """Return whether a program failed for lack of room on the disk, from what it printed."""
    return re.search(_DISK_FULL, text, re.IGNORECASE) is not None


def explain_pip(output: str) -> str:
    """Return one sentence on why pip failed.

    Parameters
    ----------
    output : str
        What pip printed, and its log: only the log names the answers of package indexes.
    """
    explanation = explain_connection(output, _("the package index"))
    if explanation:
        return explanation
    missing = re.search(
        r"satisfies the requirement (?P<what>[^\s;(]+)[^\n]*\(from versions: (?P<versions>[^)]*)\)",
        output,
    )
    if missing and missing["versions"].strip() in ("", "none"):
        return _(
            "the package index has no {package} for this Python and this machine; check that "
            "the index is the right one (PIP_INDEX_URL, pip.conf), or use another Python "
            "(3.11 to 3.14)."
        ).format(package=missing["what"])
    if missing:
        return _(
            "the package index has no {package} among its versions; check that the index is "
            "the right one (PIP_INDEX_URL, pip.conf), or use another Python (3.11 to 3.14)."
        ).format(package=missing["what"])
    if "ResolutionImpossible" in output:
        return _("the packages' versions exclude each other.")
    if "No module named pip" in output:
        return _("this Python has no pip; add it and run this again.")
    # The second is of a Python that the disk does not let start, as sshfs does with links.
    errors = [line.strip() for line in output.splitlines()
              if "error" in line.lower() or "cannot be started" in line]  # fmt: skip
    return f"{errors[-1].rstrip('.')}." if errors else _("pip gave no reason.")
