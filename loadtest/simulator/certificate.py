"""A certificate for 127.0.0.1, made at the start of an endpoint; clients trust it itself, without a CA above it."""

import ipaddress
import secrets
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_DAY = timedelta(days=1)
_UNUSED = ["content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "crl_sign"]
_UNUSED += ["encipher_only", "decipher_only"]


def make(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """Return what a server needs to speak TLS, and the file that its clients are to trust."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    # A name of its own: of two certificates of one name, a client that trusts both looks at the first only.
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"127.0.0.1 {secrets.token_hex(8)}")])
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")])
    usage = x509.KeyUsage(digital_signature=True, key_cert_sign=True, **dict.fromkeys(_UNUSED, False))
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - _DAY).not_valid_after(now + 30 * _DAY)
    for extension, is_critical in (
        (x509.BasicConstraints(ca=True, path_length=0), True),
        (usage, True),
        (names, False),
        (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
    ):
        builder = builder.add_extension(extension, critical=is_critical)
    certificate = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    form = serialization.PrivateFormat.PKCS8
    private = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    ca_file, chain_file = folder / "ca.pem", folder / "server.pem"
    ca_file.write_bytes(certificate)
    chain_file.write_bytes(private + certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain_file)
    return context, ca_file
