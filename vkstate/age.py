"""Encryption to people, in the age format (age-encryption.org/v1): who may read, who reads, and the text in between.

The one door to pyrage, which is loaded when something is to be checked, encrypted or opened. Nothing here reads or
writes a file.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NewType, TypeAlias

if TYPE_CHECKING:
    from pyrage import ssh, x25519

    PyrageIdentity: TypeAlias = ssh.Identity | x25519.Identity
    PyrageRecipient: TypeAlias = ssh.Recipient | x25519.Recipient

Recipient = NewType("Recipient", str)
"""Somebody's public key in its one canonical form: ``age1…``, or ``ssh-ed25519 …`` or ``ssh-rsa …`` and no comment."""

IDENTITY_VARIABLE: Final = "VKSTATE_AGE_IDENTITY"
"""The environment variable that names an identity file, or holds an ``AGE-SECRET-KEY-1…`` itself."""

IDENTITY_PREFIX: Final = "AGE-SECRET-KEY-"
"""How the text of every age identity begins; it is a secret."""

_SSH_KINDS: Final = ("ssh-ed25519", "ssh-rsa")
_NATIVE: Final = "age1"
_NATIVE_LENGTH: Final = 62
_FEWEST_BITS: Final = 2048
_PRIVATE_KEY: Final = "PRIVATE KEY-----"
_PROTECTED: Final = ("age-encryption.org/v1", "-----BEGIN AGE ENCRYPTED FILE-----")
_NO_MATCH: Final = "No matching keys found"
_FORMS: Final = "age1…, ssh-ed25519 … or ssh-rsa …"


class NotARecipient(ValueError):
    """A text is no public key of a kind that can be encrypted to. Says why, and repeats nothing of it."""


class NotAnIdentity(ValueError):
    """A text holds no private key that can be used. Says why, and repeats nothing of it."""


class NotDecryptable(ValueError):
    """A text is nothing that age has encrypted, or it was damaged since."""


@dataclass(frozen=True)
class Identity:
    """Somebody's private key: a secret, of which nothing shows."""

    key: PyrageIdentity = field(repr=False)


def is_ssh(recipient: str) -> bool:
    """Whether a recipient is an ssh key."""
    return recipient.startswith(_SSH_KINDS)


def is_secret_key(text: str) -> bool:
    """Whether a text holds a private key, of age or of ssh."""
    return IDENTITY_PREFIX in text.upper() or _PRIVATE_KEY in text


def recipient_of(text: str) -> Recipient:
    """The recipient that a text names, checked to the point that something can be encrypted to it.

    :param text: as ``age-keygen`` or an ssh ``.pub`` file gives it, be it with a comment.
    :raises NotARecipient: with the end of a sentence that begins with its place, such as ``is not a …``.
    """
    if is_secret_key(text):
        raise NotARecipient(
            "is a secret key, and not a recipient: whoever has seen it can read the values. Make a new pair, and give "
            "its public half, which age-keygen prints"
        )
    words = text.split()
    kind = words[0] if words else ""
    if kind in _SSH_KINDS:
        canonical = " ".join(words[:2])
        _check_ssh(kind, words[1] if len(words) > 1 else "")
    elif kind.startswith(("ssh-", "ecdsa-", "sk-")):
        raise NotARecipient("is an ssh key of a kind that age does not encrypt to: ssh-ed25519 and ssh-rsa are")
    elif kind[: len(_NATIVE)].lower() == _NATIVE and len(words) == 1:
        canonical = kind.lower()
        if len(canonical) != _NATIVE_LENGTH and canonical.count("1") > 1:
            raise NotARecipient("is the recipient of an age plugin, and vkstate runs none")
    else:
        raise NotARecipient(f"is not a recipient: write {_FORMS}, a public key")
    _public(canonical)
    return Recipient(canonical)


def _check_ssh(kind: str, encoded: str) -> None:
    """What pyrage 1.4 does not look at itself: it breaks where the number of an RSA key is missing."""
    try:
        fields = list(_fields(b64decode(encoded, validate=True)))
    except (binascii.Error, ValueError):
        fields = []
    if not fields or fields[0] != kind.encode() or len(fields) != (3 if kind == "ssh-rsa" else 2):
        raise NotARecipient("is not a whole ssh public key: copy it once more from its .pub file")
    if kind == "ssh-rsa" and int.from_bytes(fields[2], "big").bit_length() < _FEWEST_BITS:
        raise NotARecipient(f"is an RSA key of fewer than {_FEWEST_BITS} bits, which age does not encrypt to")


def _fields(blob: bytes) -> Iterator[bytes]:
    """The fields of an ssh public key (RFC 4253, 6.6), each with its length in front."""
    while blob:
        length = int.from_bytes(blob[:4], "big")
        if len(blob) < 4 + length:
            raise ValueError
        yield blob[4 : 4 + length]
        blob = blob[4 + length :]


def _public(recipient: str) -> PyrageRecipient:
    from pyrage import RecipientError, ssh, x25519

    try:
        return ssh.Recipient.from_str(recipient) if is_ssh(recipient) else x25519.Recipient.from_str(recipient)
    except RecipientError:
        fault = NotARecipient("is not a whole public key: a character is wrong or missing")
    raise fault


def encrypted(plain: str, recipients: Sequence[Recipient]) -> str:
    """A text encrypted to each of these, in age's armour, with one line feed at its end.

    What comes out is another text each time. Takes some 0.2 ms with two recipients.

    :param recipients: at least one, as :func:`recipient_of` gives them.
    """
    import pyrage

    keys = [_public(recipient) for recipient in recipients]
    return pyrage.encrypt(plain.encode(errors="surrogatepass"), keys, armored=True).decode()


def opened(armoured: str, identities: Sequence[Identity]) -> str | None:
    """What was encrypted, without line ends behind it; None where none of the identities opens it.

    :raises NotDecryptable: it is damaged.
    """
    import pyrage

    if not identities:
        return None
    try:
        plain = pyrage.decrypt(armoured.encode(errors="surrogatepass"), [identity.key for identity in identities])
        return plain.decode(errors="surrogatepass").rstrip("\r\n")
    except pyrage.DecryptError as error:
        if str(error).startswith(_NO_MATCH):
            return None
    except UnicodeDecodeError:
        pass
    raise NotDecryptable


def identities_in(data: bytes) -> tuple[Identity, ...]:
    """The private keys of a file: an age identity file, or one ssh private key.

    :raises NotAnIdentity: it has none, or is protected by a passphrase, which nobody is asked for here. With the end of
        a sentence that begins with its place.
    """
    text = data.decode(errors="replace")
    if text.startswith(_PROTECTED):
        raise NotAnIdentity("is protected by a passphrase, which vkstate does not ask for")
    if _PRIVATE_KEY in text:
        return (_ssh_identity(data),)
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if not lines:
        raise NotAnIdentity("is empty")
    if any(line.startswith((_NATIVE, *_SSH_KINDS)) for line in lines):
        raise NotAnIdentity("holds a public key: it is the private one that opens what is encrypted")
    return tuple(_native_identity(line) for line in lines)


def _native_identity(line: str) -> Identity:
    from pyrage import IdentityError, x25519

    try:
        return Identity(x25519.Identity.from_str(line))
    except IdentityError:
        fault = NotAnIdentity(f"holds no identity: a line of it is not a whole {IDENTITY_PREFIX}1…")
    raise fault


def _ssh_identity(data: bytes) -> Identity:
    from pyrage import IdentityError, ssh

    try:
        return Identity(ssh.Identity.from_buffer(data))
    except IdentityError as error:
        if "decrypted" in str(error):
            fault = NotAnIdentity("is an ssh key that is protected by a passphrase, which vkstate does not ask for")
        else:
            fault = NotAnIdentity("is not an ssh key that age knows: ssh-ed25519 and ssh-rsa are")
    raise fault
