"""From a base's tokenizer and a corpus to the tokenizer and embedding rows that fit the language."""
