"""Store: the data of the screens (events, curves, samples, drafts), without Textual and torch."""
