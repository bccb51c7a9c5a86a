"""What a vision tower says of each place of a picture, instead of one embedding of all of it.

Every tower ends by pooling its places: by a mean, by attention, or by a class token that attends
to them. Each place is taken through that end alone, as if it were the whole picture. Where the end
is a mean and a linear projection, the mean of all places is the picture's embedding (class
activation mapping, Zhou et al. 2016); where it is attention, what is left of it for one place is
its values and projections (MaskCLIP, Zhou et al. 2022).
"""

from typing import Any

import torch
from torch.nn.functional import linear

from search.errors import UnsupportedError


def place_features(visual: Any, batch: torch.Tensor, model: str) -> torch.Tensor:
    """The places of pictures in the joint space, `(n, rows, columns, dim)`, not normalised.

    `batch` is what `PixelTransform.normalised` makes, `visual` open_clip's image tower.

    Raises:
        UnsupportedError: a tower that does not keep its places apart; it names `model`.
    """
    from open_clip.modified_resnet import ModifiedResNet
    from open_clip.timm_model import TimmModel
    from open_clip.transformer import VisionTransformer

    if isinstance(visual, TimmModel) and not hasattr(visual.head, "pool"):
        return _of_timm(visual, batch)
    if isinstance(visual, VisionTransformer) and _ends_plainly(visual):
        return _of_transformer(visual, batch)
    if isinstance(visual, ModifiedResNet):
        return _of_resnet(visual, batch)
    raise UnsupportedError(
        f"Model '{model}' cannot tell the places of a picture apart.",
        hint="Vision transformers and convolutional towers with a mean or attention at their end"
        " can: docs/models.md lists models.",
        details={"model": model},
    )


def place_scale(visual: Any) -> int:
    """How many times the tower's own size a picture should be, for its places to be told apart.

    A convolutional tower takes any size, and its grid is coarse: 4 x 4 for `mini`. At twice the
    size the grid is finer and every place shows less of its surroundings: of two drawn pictures
    `mini` then pointed at the one that shows a pattern in 98% of cases instead of 74%, a kind in
    99% instead of 91% (docs/explaining.md). Transformers have a position for each patch of their
    own size.
    """
    from open_clip.modified_resnet import ModifiedResNet
    from open_clip.timm_model import TimmModel

    if isinstance(visual, TimmModel):
        return 2 if getattr(visual.trunk, "pos_embed", None) is None else 1
    return 2 if isinstance(visual, ModifiedResNet) else 1


def _ends_plainly(visual: Any) -> bool:
    last = visual.transformer.resblocks[-1]
    return visual.attn_pool is None and isinstance(last.attn, torch.nn.MultiheadAttention)


def _of_timm(visual: Any, batch: torch.Tensor) -> torch.Tensor:
    trunk = visual.trunk
    features = trunk.forward_features(batch)
    if features.ndim == 4:
        count, channels, rows, columns = features.shape
        places = features.permute(0, 2, 3, 1).reshape(-1, channels, 1, 1)
    else:
        prefix = int(trunk.num_prefix_tokens)
        rows, columns = trunk.patch_embed.grid_size
        count, _, channels = features.shape
        places = features[:, prefix:].reshape(-1, 1, channels)
        if trunk.global_pool == "avg" and prefix:
            # The mean leaves these out: they only have to be there.
            before = features[:, :1].new_zeros(len(places), prefix, channels)
            places = torch.cat([before, places], dim=1)
    embedded: torch.Tensor = visual.head(trunk.forward_head(places))
    return embedded.reshape(count, rows, columns, embedded.shape[-1])


def _of_transformer(visual: Any, batch: torch.Tensor) -> torch.Tensor:
    x = visual._embeds(batch)
    *blocks, last = visual.transformer.resblocks
    for block in blocks:
        x = block(x)
    x = _values_only(last, x)
    rows, columns = visual.grid_size
    embedded: torch.Tensor = visual.ln_post(x[:, 1:])
    if visual.proj is not None:
        embedded = embedded @ visual.proj
    return embedded.reshape(len(batch), rows, columns, embedded.shape[-1])


def _values_only(block: Any, x: torch.Tensor) -> torch.Tensor:
    """The last block with each place attending to itself alone: what it says, not what it asks."""
    attention = block.attn
    size = attention.embed_dim
    weight, bias = attention.in_proj_weight[2 * size :], attention.in_proj_bias[2 * size :]
    seen = linear(block.ln_1(x), weight, bias)
    x = x + block.ls_1(attention.out_proj(seen))
    after: torch.Tensor = x + block.ls_2(block.mlp(block.ln_2(x)))
    return after


def _of_resnet(visual: Any, batch: torch.Tensor) -> torch.Tensor:
    x = visual.stem(batch)
    for layer in (visual.layer1, visual.layer2, visual.layer3, visual.layer4):
        x = layer(x)
    pool = visual.attnpool
    embedded: torch.Tensor = pool.c_proj(pool.v_proj(x.permute(0, 2, 3, 1)))
    return embedded
