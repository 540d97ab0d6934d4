"""Deterministic pleasant English: a digest in, words out. There are 256 words, one for each byte."""

from hashlib import shake_256

WORDS = """
acorn almond amber apple apricot april arbor ash aspen aster autumn bakery balcony bamboo barley basil bay
beach beech bell berry birch blossom blue boat bramble bread breeze bridge bright brook butter calm candle
canyon castle cedar chalk chapel cherry chestnut cider cinnamon cloud clover coast cobalt comet copper coral
corn cotton cove cricket crystal daisy dawn deer delta dew dove drift dune eagle early east echo elm ember
evening fable falcon feather fennel fern ferry field finch fir flint flute forest fountain fox fresh frost
garden garnet gentle ginger glade glass glow gold granite grape grass green grove gull harbor harvest hazel
heath heather hedge heron hill holly honey horizon ice indigo inlet iris island ivory ivy jade jasmine jay
juniper kestrel kettle kind kite lagoon lake lamp lantern lark laurel lavender leaf lemon light lilac lily
linen lively lotus lucky lunar maple marble marsh meadow mellow melody mild mint mist moon morning moss
mountain music myrtle nectar nest north nutmeg oak oasis oat ocean olive onyx opal orange orchard orchid
osprey otter owl paper park path peach pear pearl pebble peony pepper petal pine plain plum pond poppy
prairie quail quartz quiet quill rain raven reed ridge ripple river robin rose rosemary ruby sage sail
sand sapphire season shade shell shore silk silver sky snow song south sparrow spring spruce star stone
stream summer sun swallow swan swift tea thistle thyme tide timber topaz trail tulip valley vanilla velvet
village vine violet walnut warm water wave west wheat willow wind winter wren yarrow zephyr
""".split()  # noqa: SIM905 - two hundred quotes would hide the words


def words(digest: bytes, count: int) -> list[str]:
    """Give `count` words that follow from the digest alone."""
    return [WORDS[byte] for byte in shake_256(digest).digest(count)]
