"""The words of attributes: what people call colours, patterns, sleeves ... and kinds of products.

One vocabulary, `vocabulary.toml`, serves changes ("but in navy"), exclusions ("no stripes") and
labels.
"""

from search.vocabulary.reading import Attribute, Phrase, Sense, Vocabulary, vocabulary, words_of

__all__ = ["Attribute", "Phrase", "Sense", "Vocabulary", "vocabulary", "words_of"]
