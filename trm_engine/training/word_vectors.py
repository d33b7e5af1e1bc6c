"""Word vectors: published ones that the embeddings of words start from.

A model that reads 2,000 conversations learns few words. What a tool's description has in common
with a conversation it must know beforehand. The vectors are those of the package ``wordllama``
(MIT licence), of which only two files are read. Nothing of it is needed after training has begun.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch

from trm_engine.data.tokenizer import TRMTokenizer
from trm_engine.models.trm import TRMForToolCalling

PACKAGE = "wordllama"
VECTORS = "weights/l2_supercat_256.safetensors"
TOKENIZER = "tokenizers/l2_supercat_tokenizer_config.json"


def is_installed() -> bool:
    """Whether there are word vectors on this machine."""
    return _folder() is not None


def start_from_word_vectors(model: TRMForToolCalling, tokenizer: TRMTokenizer) -> int:
    """Start the embeddings of pieces that begin a word from word vectors. Returns their number.

    The vectors are projected on their first principal components, as many as the embeddings have.
    """
    weight = model.embedding.tokens.weight
    pieces = tokenizer.words()
    if not pieces:
        return 0
    vectors = _vectors([*pieces.values()])
    centred = vectors - vectors.mean(axis=0)
    _, _, components = np.linalg.svd(centred, full_matrices=False)
    width = min(weight.shape[1], len(components))
    projected = centred @ components[:width].T
    projected /= np.sqrt((projected**2).mean(axis=1, keepdims=True)) + 1e-6
    with torch.no_grad():
        rows = torch.from_numpy(projected / model.embedding.scale).to(weight)
        weight[torch.tensor([*pieces], device=weight.device), :width] = rows
    return len(pieces)


def _vectors(words: list[str]) -> np.ndarray:
    """The vector of each word, in small letters and capitalised, [W, 256]."""
    from tokenizers import Tokenizer

    folder = _folder()
    assert folder is not None
    table = _read_safetensors(folder / VECTORS)
    reader = Tokenizer.from_file(str(folder / TOKENIZER))
    reader.no_padding()
    reader.no_truncation()
    found = np.zeros((len(words), table.shape[1]), np.float32)
    for spelling in (words, [word.capitalize() for word in words]):
        encoded = reader.encode_batch(spelling, add_special_tokens=False)
        found += np.stack([table[each.ids].mean(axis=0) for each in encoded])
    return found / 2


def _read_safetensors(path: Path) -> np.ndarray:
    """The only tensor of a file, as float32."""
    from safetensors.numpy import load_file

    [table] = load_file(path).values()
    return np.asarray(table, np.float32)


def _folder() -> Path | None:
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent
    return folder if (folder / VECTORS).is_file() and (folder / TOKENIZER).is_file() else None
