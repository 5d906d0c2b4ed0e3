"""Writes safetensors_verdicts.json: small valid and hostile files, each with the verdict of the reference reader.

Run: python3 -m venv v && v/bin/pip install safetensors==0.8.0 && v/bin/python tests/golden/safetensors_verdicts.py
"""
import json
import pathlib
import struct

import safetensors

CASES = {}


def raw(name, data):
    CASES[name] = data


def text(name, header, data=b"", length=None):
    header = header if isinstance(header, bytes) else header.encode()
    raw(name, struct.pack("<Q", len(header) if length is None else length) + header + data)


def tensor(name, dtype='"F32"', shape="[2]", offsets="[0,8]", extra="", data=b"\0" * 8):
    fields = ['"dtype":' + dtype if dtype else "", '"shape":' + shape if shape else "",
              '"data_offsets":' + offsets if offsets else "", extra]
    text(name, '{"w":{' + ",".join(f for f in fields if f) + "}}", data)


GOOD = '{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'
EIGHT = b"\0" * 8

# Length field.
raw("file of 0 bytes", b"")
raw("file of 7 bytes", b"\1" * 7)
raw("length only", struct.pack("<Q", 2))
text("length 0", "", b"", 0)
text("length 1", "{")
text("length beyond the file", GOOD, EIGHT, 1000)
text("length one beyond the file", GOOD, b"", len(GOOD) + 1)
for exponent in (27, 31, 32, 63):
    text(f"length 2^{exponent}", GOOD, EIGHT, 1 << exponent)
text("length 2^64-1", GOOD, EIGHT, (1 << 64) - 1)
text("length 2^64-8", GOOD, EIGHT, (1 << 64) - 8)

# Text.
text("valid", GOOD, EIGHT)
text("no tensors", "{}")
text("trailing spaces", GOOD + "   ", EIGHT)
text("trailing newline", GOOD + "\n", EIGHT)
text("leading spaces", "  " + GOOD, EIGHT)
text("not UTF-8", b'{"\xff":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}', EIGHT)
text("overlong UTF-8", b'{"\xc0\xaf":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}', EIGHT)
text("UTF-8 name", '{"wä":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}', EIGHT)
text("NUL after the object", GOOD + "\0", EIGHT)
text("NUL in a name", '{"w\0":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}', EIGHT)
text("byte order mark", b"\xef\xbb\xbf" + GOOD.encode(), EIGHT)
text("list at the root", "[]")
text("text at the root", '"w"')
text("number at the root", "12345678")
text("null at the root", "null    ")
text("garbage behind the object", GOOD + "x", EIGHT)
text("two objects", GOOD + "{}", EIGHT)
text("unterminated", GOOD[:-1], EIGHT)
text("comment", GOOD[:-1] + "/*c*/}", EIGHT)
text("single quotes", GOOD.replace('"', "'"), EIGHT)
text("trailing comma", GOOD[:-1] + ",}", EIGHT)
text("deep list as a tensor", '{"w":' + "[" * 200 + "]" * 200 + "}")
text("deep object as a tensor", '{"w":' + '{"a":' * 200 + "1" + "}" * 200 + "}")
text("tensor is null", '{"w":null}')
text("tensor is a number", '{"w":1}')
text("tensor is a text", '{"w":"F32"}')
text("tensor is a list", '{"w":["F32",[2],[0,8],1]}', EIGHT)
text("empty tensor object", '{"w":{}}')
text("same tensor twice", GOOD[:-1] + "," + GOOD[1:], EIGHT)

# Metadata.
for name, value in {"of texts": '{"a":"b"}', "empty": "{}", "a number": "1", "a list": "[]", "a text": '"a"',
                    "holding a number": '{"a":1}', "holding null": '{"a":null}', "holding a list": '{"a":["b"]}',
                    "holding an object": '{"a":{"b":"c"}}', "like a tensor": '{"dtype":"F32","shape":"x"}'}.items():
    text("metadata " + name, '{"__metadata__":' + value + "," + GOOD[1:], EIGHT)
text("metadata twice", '{"__metadata__":{},"__metadata__":{},' + GOOD[1:], EIGHT)
text("metadata like a tensor's name", GOOD.replace('"w"', '"__metadata__x"'), EIGHT)

# Fields.
tensor("dtype missing", dtype="")
tensor("dtype unknown", dtype='"F31"')
tensor("dtype in lower case", dtype='"f32"')
tensor("dtype empty", dtype='""')
tensor("dtype a number", dtype="32")
tensor("dtype null", dtype="null")
tensor("dtype twice", extra='"dtype":"F32"')
tensor("shape missing", shape="")
tensor("shape negative", shape="[-2]")
tensor("two negative sizes", shape="[-1,-2]")
tensor("shape a float", shape="[2.0]")
tensor("shape an exponent", shape="[2e0]")
tensor("shape a text", shape='["2"]')
tensor("shape null", shape="null")
tensor("shape a number", shape="2")
tensor("shape holding null", shape="[null]")
tensor("shape holding a list", shape="[[2]]")
tensor("shape twice", extra='"shape":[2]')
tensor("shape 2^64", shape="[18446744073709551616]")
tensor("shape 2^63", shape="[9223372036854775808]")
tensor("shape 1e400", shape="[1e400]")
tensor("shape leading zero", shape="[02]")
tensor("65 sizes of 1", shape="[2," + ",".join("1" * 64) + "]")
tensor("offsets missing", offsets="")
tensor("offsets empty", offsets="[]")
tensor("one offset", offsets="[8]")
tensor("three offsets", offsets="[0,8,8]")
tensor("offsets as texts", offsets='["0","8"]')
tensor("offset negative", offsets="[-8,0]")
tensor("offset a float", offsets="[0.0,8.0]")
tensor("offset 2^64", offsets="[0,18446744073709551616]")
tensor("offset 2^64-8", offsets="[18446744073709551608,0]")
tensor("offset 2^63", offsets="[0,9223372036854775808]")
tensor("offsets reversed", offsets="[8,0]")
tensor("offsets an object", offsets='{"begin":0,"end":8}')
tensor("offsets null", offsets="null")
tensor("offsets twice", extra='"data_offsets":[0,8]')
tensor("unknown field", extra='"note":"x"')
tensor("unknown nested field", extra='"note":{"a":[1,2,{"b":null}],"shape":[1.5]}')

# Sizes.
tensor("rank 0", shape="[]", offsets="[0,4]", data=b"\0" * 4)
tensor("size 0", shape="[0]", offsets="[0,0]", data=b"")
tensor("size 0 beside a huge one", shape="[0,9223372036854775807,9223372036854775807]", offsets="[0,0]", data=b"")
tensor("one byte short", data=b"\0" * 7)
tensor("two bytes short", data=b"\0" * 6)
tensor("one byte over", data=b"\0" * 9)
tensor("shape too small", shape="[1]")
tensor("shape too big", shape="[3]")
tensor("product wraps to 0", shape="[4294967296,4294967296]", offsets="[0,0]", data=b"")
tensor("product wraps to 4", shape="[4194305,4194305,4194305]", offsets="[0,8]")
tensor("product wraps to the right size", shape="[9223372036854775809,2]", offsets="[0,8]")
tensor("bytes wrap to the right size", shape="[4611686018427387906]", offsets="[0,8]")
tensor("begin in the middle", offsets="[4,12]", data=b"\0" * 12)

# Layout of two tensors.
def two(name, first, second, size, order="ab"):
    entry = lambda o: '{"dtype":"U8","shape":[%d],"data_offsets":[%d,%d]}' % (max(o[1] - o[0], 0), o[0], o[1])
    both = {"a": '"a":' + entry(first), "b": '"b":' + entry(second)}
    text(name, "{" + ",".join(both[key] for key in order) + "}", bytes(size))


two("two tensors", (0, 4), (4, 8), 8)
two("two tensors, keys unsorted", (4, 8), (0, 4), 8)
two("two tensors, second key first", (0, 4), (4, 8), 8, "ba")
two("gap", (0, 4), (5, 9), 9)
two("overlap by one", (0, 4), (3, 7), 7)
two("one inside the other", (0, 8), (2, 4), 8)
two("same range", (0, 4), (0, 4), 4)
two("empty one between", (0, 4), (4, 4), 4)
two("empty one at the start", (0, 0), (0, 4), 4)
two("empty one inside another", (0, 4), (2, 2), 4)
two("bytes behind the last", (0, 4), (4, 8), 9)
two("last one cut", (0, 4), (4, 8), 7)
two("both beyond the end", (0, 4), (4, 8), 0)

# Names.
text("name empty", GOOD.replace('"w"', '""'), EIGHT)
text("name with control bytes", GOOD.replace('"w"', '"\\u001b[31m\\n"'), EIGHT)
text("name with a raw newline", GOOD.replace('"w"', '"\n"'), EIGHT)
text("name a lone surrogate", GOOD.replace('"w"', '"\\ud800"'), EIGHT)
text("name of 1000 bytes", GOOD.replace('"w"', '"' + "n" * 1000 + '"'), EIGHT)

# Every dtype of the format.
for dtype, bits in {"BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32,
                    "U32": 32, "F32": 32, "C64": 64, "F64": 64, "I64": 64, "U64": 64}.items():
    tensor("dtype " + dtype, dtype=f'"{dtype}"', shape="[2]", offsets=f"[0,{bits // 4}]", data=bytes(bits // 4))


def verdict(data):
    try:
        safetensors.deserialize(data)
        return True
    except safetensors.SafetensorError:
        return False


def main():
    cases = [{"name": name, "valid": verdict(data), "hex": data.hex()} for name, data in CASES.items()]
    out = {"recipe": "tests/golden/safetensors_verdicts.py", "safetensors": safetensors.__version__}
    lines = ",\n".join(json.dumps(case) for case in cases)
    head = json.dumps(out)[:-1]
    path = pathlib.Path(__file__).with_suffix(".json")
    path.write_text(head + ', "cases": [\n' + lines + "\n]}\n")
    print(len(cases), "cases,", sum(case["valid"] for case in cases), "valid")


main()
