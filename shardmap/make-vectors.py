#!/usr/bin/python3
"""Writes vectors.tsv: keys, their hashes and slots, for programs that check their own hash.

    shardmap/make-vectors.py > shardmap/vectors.tsv

The hashes come from Debian's `xxhsum -H3`, not from libagencydb, so that the file is a second
opinion. The keys are the same on every run.
"""
import hashlib
import pathlib
import subprocess
import sys
import tempfile

SLOTS = 4096
LENGTHS = range(1, 256)
CLASSES = [(1, 3), (4, 8), (9, 16), (17, 128), (129, 240), (241, 255)]

HEADER = """\
# Test vectors of the hash contract of shard maps.
#
#   hash = XXH3_64bits(key bytes, length; seed 0)       an unsigned number of 64 bits
#   slot = hash mod slots                               slots is a power of two: here 4096
#
# Keys are exact bytes, 1 to 255 of them: no folding, no trimming, no encoding, no final NUL.
# To check a program: for each line decode the first column, hash it, compare the other two.
# Every length is here several times, as are the borders of the length classes in which XXH3 takes
# different paths (1-3, 4-8, 9-16, 17-128, 129-240, 241-255) and every byte from 0x00 to 0xff.
#
# key in hex <tab> hash as 16 lower-case hex digits, most significant first <tab> slot
"""

FEDERAL = """
epa cdc fema nih nasa noaa usgs usda usaid fda cms hrsa samhsa ahrq ihs acf acl aspr atsdr ed doi nps
fws blm bia bor osmre boem bsee dol osha msha bls eta ebsa whd dot faa fhwa fmcsa fra fta nhtsa phmsa
marad doe nnsa ferc eia nrc doj fbi dea atf usms bop eoir ojp treasury irs fincen occ ofac mint dhs
cbp ice uscis tsa uscg usss cisa fletc state va vba vha nca hud fha ginniemae commerce census bea nist
uspto ntia ita eda mbda sba ssa opm gsa nara nsf epa/oar epa/ow epa/oeca cdc/nchs cdc/niosh fcc ftc
sec cftc fdic fed ncua cfpb fec eeoc nlrb ntsb cpsc tva usps peacecorps usace dod army navy usaf
disa dla dtra darpa nga nsa odni gao cbo loc gpo
""".split()

STATES = """
us/al/adph us/ak/doh us/az/adhs us/ar/adh us/ca/dph us/ca/arb us/ca/oes us/co/cdphe us/ct/dph us/de/dph
us/dc/doh us/fl/doh us/fl/dep us/ga/dph us/hi/doh us/id/dhw us/il/idph us/il/epa us/in/doh us/ia/hhs
us/ks/kdhe us/ky/chfs us/la/ldh us/me/cdc us/md/mdh us/ma/dph us/ma/dep us/mi/mdhhs us/mi/egle us/mn/mdh
us/mn/pca us/ms/msdh us/mo/dhss us/mt/dphhs us/ne/dhhs us/nv/dpbh us/nh/dhhs us/nj/doh us/nj/dep us/nm/doh
us/ny/doh us/ny/dec us/nc/dhhs us/nd/hhs us/oh/odh us/oh/epa us/ok/osdh us/or/oha us/or/deq us/pa/doh
us/pa/dep us/ri/ridoh us/sc/dph us/sd/doh us/tn/tdh us/tx/dshs us/tx/tceq us/ut/dhhs us/vt/vdh us/va/vdh
us/va/deq us/wa/doh us/wa/ecology us/wv/dhhr us/wi/dhs us/wi/dnr us/wy/wdh us/pr/salud us/gu/dphss us/vi/doh
""".split()


def stream(name, length):
    """`length` bytes that depend on `name` only."""
    blocks = (hashlib.sha256(f"{name}:{i}".encode()).digest() for i in range(length // 32 + 1))
    return b"".join(blocks)[:length]


def keys():
    for name in FEDERAL + STATES:
        yield name.encode()
    for byte in range(256):
        yield bytes([byte])
    for length in LENGTHS:
        yield bytes((length + i) & 0xFF for i in range(length))
        yield stream(f"a{length}", length)
        yield stream(f"b{length}", length)
    for first, last in CLASSES:
        for length in (first, last):
            for i in range(8):
                yield stream(f"border{i}", length)
    yield b"EPA"
    yield b" epa"
    yield b"epa\0"
    yield "año".encode()


def hashes(all_keys):
    """One run of xxhsum over a file for each key."""
    with tempfile.TemporaryDirectory() as folder:
        names = []
        for i, key in enumerate(all_keys):
            names.append(f"k{i:06d}")
            pathlib.Path(folder, names[-1]).write_bytes(key)
        out = subprocess.run(["xxhsum", "-H3", *names], cwd=folder, check=True,
                             capture_output=True, text=True).stdout
    found = {}
    for line in out.splitlines():  # XXH3 (NAME) = HASH, or XXH3_HASH  NAME, by xxhsum's version
        if line.startswith("XXH3 ("):
            name, value = line[len("XXH3 ("):].split(") = ")
        else:
            value, name = line.removeprefix("XXH3_").split()
        found[name] = value
    return [found[name] for name in names]


def main():
    unique = list(dict.fromkeys(keys()))
    out = [HEADER]
    for key, value in zip(unique, hashes(unique)):
        out.append(f"{key.hex()}\t{value}\t{int(value, 16) % SLOTS}\n")
    sys.stdout.write("".join(out))


if __name__ == "__main__":
    main()
