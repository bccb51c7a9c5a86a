"""A second model, of the same shape as the bundled one but of random weights: another space."""

import shutil
from pathlib import Path

from search.encoders.registry import BUNDLED_PATH

WEIGHTS = "open_clip_model.safetensors"


def second_model(folder: Path, seed: int = 7) -> str:
    """Write the model to `folder`; its name. The same seed gives the same model.

    Of the same dim, so that nothing but care keeps its vectors apart from those of `mini`.
    """
    import torch
    from safetensors.torch import load_file, save_file

    shutil.copytree(BUNDLED_PATH, folder)
    random = torch.Generator().manual_seed(seed)
    state = load_file(folder / WEIGHTS)
    for name, tensor in sorted(state.items()):
        if tensor.is_floating_point() and tensor.ndim > 1:
            state[name] = torch.randn(tensor.shape, generator=random) * tensor.std()
    save_file(state, folder / WEIGHTS)
    return f"local-dir:{folder}"
