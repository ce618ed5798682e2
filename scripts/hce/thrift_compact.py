"""Thrift's compact protocol, as much of it as the footer of a Parquet file needs."""

from __future__ import annotations

from collections.abc import Iterable


class Struct:
    """A Thrift struct in the compact protocol: fields in ascending order of their number."""

    _I32, _I64, _BINARY, _LIST, _STRUCT = 5, 6, 8, 9, 12

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._last = 0

    def i32(self, number: int, value: int) -> Struct:
        """Append a 32-bit integer."""
        return self._field(number, self._I32, _zigzag(value))

    def i64(self, number: int, value: int) -> Struct:
        """Append a 64-bit integer."""
        return self._field(number, self._I64, _zigzag(value))

    def text(self, number: int, value: str) -> Struct:
        """Append a string."""
        return self._field(number, self._BINARY, _text(value))

    def struct(self, number: int, value: Struct) -> Struct:
        """Append a struct."""
        return self._field(number, self._STRUCT, value.encode())

    def i32s(self, number: int, values: Iterable[int]) -> Struct:
        """Append a list of 32-bit integers."""
        return self._list(number, self._I32, [_zigzag(value) for value in values])

    def texts(self, number: int, values: Iterable[str]) -> Struct:
        """Append a list of strings."""
        return self._list(number, self._BINARY, [_text(value) for value in values])

    def structs(self, number: int, values: Iterable[Struct]) -> Struct:
        """Append a list of structs."""
        return self._list(number, self._STRUCT, [value.encode() for value in values])

    def encode(self) -> bytes:
        """Return the bytes, with the end mark."""
        return bytes(self._bytes) + b"\0"

    def _field(self, number: int, kind: int, content: bytes) -> Struct:
        step = number - self._last
        if not 0 < step < 16:
            raise ValueError(f"field {number} cannot follow field {self._last}")
        self._bytes += bytes([step << 4 | kind]) + content
        self._last = number
        return self

    def _list(self, number: int, kind: int, parts: list[bytes]) -> Struct:
        size = bytes([len(parts) << 4 | kind]) if len(parts) < 15 else b""
        size = size or bytes([0xF0 | kind]) + _varint(len(parts))
        return self._field(number, self._LIST, size + b"".join(parts))


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def _zigzag(value: int) -> bytes:
    return _varint(value << 1 if value >= 0 else (-value << 1) - 1)


def _text(value: str) -> bytes:
    content = value.encode()
    return _varint(len(content)) + content
