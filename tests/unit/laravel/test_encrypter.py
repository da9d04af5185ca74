"""Laravel's encrypter: its own vectors, its messages, and no secret in an error."""

from __future__ import annotations

import base64
import builtins
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lara_queue.errors import ConfigurationError, DecryptError, MissingExtra
from lara_queue.laravel.encrypter import Encrypter

KEY = b"k" * 32
PLAIN = b's:31:"O:8:"stdClass":1:{s:1:"a";i:1;}";'
CBC = {
    "iv": "WXotSRyxrov5O2QUdDa/bw==",
    "value": "DINksNs5PfNutRmab7amMS3qHvwgYGbdr8Cp6bPV6NfMbkNtElQ8a3TqANI/6YV8",
    "mac": "214dab6635e9e92e6c13fb25c7294a04d5f2b00a8ada741756ae9c8d3804ce17",
    "tag": "",
}
GCM = {
    "iv": "tlnaxmP6EEMgvkoT",
    "value": "AxpUEJyvgjrDD2B0EsmB2cCFfB5jT9RGjqfJTEQCsDy+skIkXXuU",
    "mac": "",
    "tag": "GjF1PK6qX+Z13F4HOZhemw==",
}


def pack(envelope: Any) -> str:
    return base64.b64encode(json.dumps(envelope).encode()).decode()


def unpack(text: str) -> dict[str, str]:
    return dict(json.loads(base64.b64decode(text)))


@pytest.mark.parametrize(("cipher", "vector"), [("aes-256-cbc", CBC), ("aes-256-gcm", GCM), (None, CBC), (None, GCM)])
def test_laravels_own_vectors(cipher: str | None, vector: dict[str, str]) -> None:
    encrypter = Encrypter(KEY, cipher=cipher)
    assert encrypter.decrypt(pack(vector)) == PLAIN
    assert encrypter.decrypt_command(pack(vector)) == b'O:8:"stdClass":1:{s:1:"a";i:1;}'


@pytest.mark.parametrize(("cipher", "vector"), [("aes-256-cbc", CBC), ("aes-256-gcm", GCM)])
def test_the_same_iv_gives_the_same_bytes(cipher: str, vector: dict[str, str]) -> None:
    iv = base64.b64decode(vector["iv"])
    text = Encrypter(KEY, cipher=cipher, random_bytes=lambda size: iv[:size]).encrypt(PLAIN)
    assert base64.b64decode(text) == json.dumps(vector, separators=(",", ":")).encode()


def test_a_command_is_serialized_twice() -> None:
    """EN-01."""
    encrypter = Encrypter(KEY)
    text = encrypter.encrypt_command(b'O:8:"stdClass":0:{}')
    assert encrypter.decrypt(text) == b's:19:"O:8:"stdClass":0:{}";'
    assert encrypter.decrypt_command(text) == b'O:8:"stdClass":0:{}'


def test_a_plain_command_is_not_decrypted() -> None:
    """EN-02."""
    with pytest.raises(DecryptError, match=r"^The payload is invalid\.$"):
        Encrypter(KEY).decrypt('O:8:"stdClass":0:{}')


@pytest.mark.parametrize("cipher", ["aes-128-cbc", "aes-256-cbc", "aes-128-gcm", "aes-256-gcm"])
@pytest.mark.parametrize("plain", [b"foo", b"", b"a" * 16, b"x" * 1000, b"\x00\xff"])
def test_round_trip(cipher: str, plain: bytes) -> None:
    """EN-04."""
    encrypter = Encrypter(b"a" * (16 if "128" in cipher else 32), cipher=cipher)
    assert encrypter.decrypt(encrypter.encrypt(plain)) == plain
    assert encrypter.encrypt(plain) != encrypter.encrypt(plain)


def test_raw_and_serialized_mode_are_not_interchangeable() -> None:
    """EN-05."""
    encrypter = Encrypter(b"a" * 16, cipher="AES-128-CBC")
    assert encrypter.decrypt(encrypter.encrypt(b"foo")) == b"foo"
    with pytest.raises(DecryptError, match="serialized"):
        encrypter.decrypt_command(encrypter.encrypt(b"foo"))
    assert encrypter.decrypt(encrypter.encrypt_command(b"foo")) != b"foo"


def test_the_length_is_always_the_same() -> None:
    """EN-08."""
    encrypter = Encrypter(b"a" * 16, cipher="AES-128-CBC")
    assert len({len(encrypter.encrypt(b"foo")) for _ in range(100)}) == 1


def test_gcm_has_a_tag_and_no_mac() -> None:
    """EN-09."""
    envelope = unpack(Encrypter(KEY, cipher="AES-256-GCM").encrypt(b"foo"))
    assert envelope["mac"] == ""
    assert len(base64.b64decode(envelope["tag"])) == 16


def test_cbc_has_a_mac_and_an_empty_tag() -> None:
    """EN-10."""
    envelope = unpack(Encrypter(KEY, cipher="AES-256-CBC").encrypt(b"foo"))
    assert list(envelope) == ["iv", "value", "mac", "tag"]
    assert len(envelope["mac"]) == 64
    assert envelope["tag"] == ""


@pytest.mark.parametrize(("one", "other"), [("AES-128-GCM", "aEs-128-GcM"), ("aes-128-CBC", "aes-128-cbc")])
def test_cipher_names_ignore_case(one: str, other: str) -> None:
    """EN-11."""
    text = Encrypter(b"b" * 16, cipher=one).encrypt(b"foo")
    assert Encrypter(b"b" * 16, cipher=other).decrypt(text) == b"foo"


@pytest.mark.parametrize("cipher", ["AES-256-CBC", None])
def test_a_tag_on_a_cbc_envelope_is_refused(cipher: str | None) -> None:
    """EN-13."""
    encrypter = Encrypter(KEY, cipher=cipher)
    envelope = {**unpack(encrypter.encrypt(b"foo")), "tag": "set-manually"}
    with pytest.raises(DecryptError, match=r"^Unable to use tag because the cipher algorithm does not support AEAD\.$"):
        encrypter.decrypt(pack(envelope))


def test_a_wrong_key_is_told_without_a_secret() -> None:
    """EN-15."""
    text = Encrypter(b"a" * 32).encrypt(b"secret text")
    with pytest.raises(DecryptError, match=r"^The MAC is invalid\.$") as caught:
        Encrypter(b"b" * 32).decrypt(text)
    assert caught.value.__cause__ is None
    gcm = Encrypter(b"a" * 32, cipher="aes-256-gcm").encrypt(b"secret text")
    with pytest.raises(DecryptError, match=r"^Could not decrypt the data\.$"):
        Encrypter(b"b" * 32, cipher="aes-256-gcm").decrypt(gcm)


@pytest.mark.parametrize("cipher", ["aes-256-cbc", "aes-256-gcm", None])
def test_previous_keys_open_what_they_closed(cipher: str | None) -> None:
    old = Encrypter(b"o" * 32, cipher=cipher).encrypt(b"foo")
    rotated = Encrypter(b"n" * 32, cipher=cipher, previous=["base64:" + base64.b64encode(b"o" * 32).decode()])
    assert rotated.decrypt(old) == b"foo"
    assert rotated.key == b"n" * 32


@pytest.mark.parametrize(
    "envelope", [[], {}, {**CBC, "iv": 7}, {**CBC, "mac": None}, {**CBC, "iv": "c2hvcnQ="}, "x", None]
)
def test_a_malformed_envelope_is_refused(envelope: Any) -> None:
    with pytest.raises(DecryptError, match=r"^The payload is invalid\.$"):
        Encrypter(KEY, cipher="aes-256-cbc").decrypt(pack(envelope))


@pytest.mark.parametrize("key", [b"short", "base64:c2hvcnQ=", "k" * 31])
def test_a_key_of_the_wrong_length_is_refused_without_showing_it(key: bytes | str) -> None:
    with pytest.raises(ConfigurationError, match="incorrect key length") as caught:
        Encrypter(key, cipher="aes-256-cbc")
    assert "short" not in str(caught.value)
    assert "c2hv" not in str(caught.value)


def test_bad_base64_in_the_key_is_refused_without_showing_it() -> None:
    with pytest.raises(ConfigurationError, match="not valid base64") as caught:
        Encrypter("base64:!!!")
    assert "!!!" not in str(caught.value)


def test_no_key_in_a_repr() -> None:
    assert "k" * 8 not in repr(Encrypter(KEY))


def test_without_cryptography_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refuse(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("cryptography"):
            raise ImportError("No module named 'cryptography'")
        return real(name, *rest, **more)

    encrypter = Encrypter(KEY)
    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(MissingExtra, match=r'pip install "lara-queue\[encryption\]"'):
        encrypter.encrypt(b"foo")


@given(
    st.binary(max_size=200), st.sampled_from(["aes-128-cbc", "aes-256-cbc", "aes-128-gcm", "aes-256-gcm"]), st.data()
)
def test_any_bytes_come_back_and_no_change_goes_unnoticed(plain: bytes, cipher: str, data: st.DataObject) -> None:
    encrypter = Encrypter(b"s" * (16 if "128" in cipher else 32), cipher=cipher)
    envelope = unpack(encrypter.encrypt(plain))
    assert encrypter.decrypt(pack(envelope)) == plain
    member = data.draw(st.sampled_from(["iv", "value", "mac" if "cbc" in cipher else "tag"]))
    raw = bytearray(bytes.fromhex(envelope[member]) if member == "mac" else base64.b64decode(envelope[member]))
    if raw:
        raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
        changed = raw.hex() if member == "mac" else base64.b64encode(raw).decode()
        with pytest.raises(DecryptError):
            encrypter.decrypt(pack({**envelope, member: changed}))


@given(st.text(max_size=100))
def test_no_text_raises_anything_but_a_decrypt_error(text: str) -> None:
    with pytest.raises(DecryptError):
        Encrypter(KEY).decrypt(text)
