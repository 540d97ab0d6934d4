"""PDFs as the tests need them, written by hand."""

import base64
import hashlib
import zlib

HEAD = "data:application/pdf;base64,"
PLAIN = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"
LINE = b"BT /F1 12 Tf 72 700 Td (%s) Tj ET"
PADDING = bytes.fromhex("28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE6453697A")


def pdf(*texts, font=PLAIN, password=None):
    """A page for each text; bytes are the page's own drawing."""
    pages = [text if isinstance(text, bytes) else LINE % text.encode() for text in texts]
    return document([stream(page) for page in pages], font=font, password=password)


def document(contents, *, font=PLAIN, more=(), password=None):
    """A page for each stream of drawing. `more` are further objects, the first of them number 4."""
    first = 4 + len(more)
    numbers = range(first, first + 2 * len(contents), 2)
    kids = b" ".join(b"%d 0 R" % number for number in numbers)
    pages = b"<</Type/Pages/Count %d/Kids[%s]>>" % (len(contents), kids)
    objects = [b"<</Type/Catalog/Pages 2 0 R>>", pages, font, *more]
    for number, content in zip(numbers, contents, strict=True):
        held = b"/Resources<</Font<</F1 3 0 R>>>>/Contents %d 0 R" % (number + 1)
        objects += [b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]%s>>" % held, content]
    return _file(objects, b"" if password is None else _lock(password))


def stream(data, said=b""):
    return b"<</Length %d%s>>\nstream\n%s\nendstream" % (len(data), said, data)


def chinese(text):
    """One page in a font that tells nothing but how its glyphs are read."""
    codes = text.encode("utf-16-be")
    pairs = b"".join(
        b"<%s> <%s>\n" % ((code := codes[at : at + 2].hex().encode()), code) for at in range(0, len(codes), 2)
    )
    cmap = (
        b"/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapType 2 def\n"
        b"1 begincodespacerange <0000> <FFFF> endcodespacerange\n%d beginbfchar\n%sendbfchar endcmap end end"
    ) % (len(text), pairs)
    font = (
        b"<</Type/Font/Subtype/Type0/BaseFont/X/Encoding/Identity-H/DescendantFonts[4 0 R]/ToUnicode 5 0 R>>"
    )
    glyphs = (
        b"<</Type/Font/Subtype/CIDFontType2/BaseFont/X/DW 1000/FontDescriptor 6 0 R"
        b"/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>>>"
    )
    looks = b"<</Type/FontDescriptor/FontName/X/Flags 4/ItalicAngle 0/Ascent 800/Descent 0/CapHeight 700/StemV 80/FontBBox[0 0 1000 1000]>>"
    drawing = b"BT /F1 12 Tf 72 700 Td <%s> Tj ET" % codes.hex().encode()
    return document([stream(drawing)], font=font, more=(glyphs, stream(cmap), looks))


def bomb(megabytes):
    """One page whose drawing unpacks to so much."""
    packer = zlib.compressobj(9)
    line = LINE % b"x" + b" " * 30
    block = line * (2**20 // len(line))
    packed = b"".join(packer.compress(block) for _ in range(megabytes)) + packer.flush()
    return document([stream(packed, b"/Filter/FlateDecode")])


def as_file(data, name="report.pdf", **beside):
    """The part of a message that holds a PDF."""
    file = {"filename": name, "file_data": HEAD + base64.b64encode(data).decode()}
    return {"type": "file", "file": file, **beside}


def as_block(data, **beside):
    """The same as a block of the Messages format."""
    source = {"type": "base64", "media_type": "application/pdf", "data": base64.b64encode(data).decode()}
    return {"type": "document", "title": "report.pdf", "source": source, **beside}


def as_input(data, **beside):
    """The same as a part of the Responses format."""
    return {"type": "input_file", **as_file(data)["file"], **beside}


def _file(objects, said):
    out, starts = b"%PDF-1.7\n", []
    for number, body in enumerate(objects, 1):
        starts.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % start for start in starts)
    size, begins = len(objects) + 1, len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n%s" % (size, table)
    return out + b"trailer\n<</Size %d/Root 1 0 R%s>>\nstartxref\n%d\n%%%%EOF\n" % (size, said, begins)


def _lock(password):
    """What the trailer of a file says that opens with a password only (the standard handler's first revision)."""
    padded = (password.encode() + PADDING)[:32]
    owner = _rc4(hashlib.md5(padded).digest()[:5], padded)
    key = hashlib.md5(padded + owner + b"\xfc\xff\xff\xff" + b"0" * 16).digest()[:5]
    told = (owner.hex().encode(), _rc4(key, PADDING).hex().encode(), b"0" * 16)
    return b"/Encrypt<</Filter/Standard/V 1/R 2/P -4/O<%s>/U<%s>>>/ID[(%s)(x)]" % told


def _rc4(key, data):
    state, j = list(range(256)), 0
    for i in range(256):
        j = (j + state[i] + key[i % len(key)]) % 256
        state[i], state[j] = state[j], state[i]
    out, i, j = bytearray(), 0, 0
    for byte in data:
        i = (i + 1) % 256
        j = (j + state[i]) % 256
        state[i], state[j] = state[j], state[i]
        out.append(byte ^ state[(state[i] + state[j]) % 256])
    return bytes(out)
