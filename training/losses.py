"""Contrastive losses in which a text may fit several images of the batch."""

import torch
import torch.nn.functional as F
from torch import Tensor


def contrastive(
    images: Tensor, texts: Tensor, matches: Tensor, scale: Tensor, *, smoothing: float
) -> Tensor:
    """Cross entropy both ways against targets spread over all matches.

    images: (n, dim), texts: (m, dim), both L2-normalised; matches: (m, n) bool, at least one in
    each row. Images that no text fits are left out of the image-to-text half.
    """
    logits = scale * texts @ images.T
    return (_spread(logits, matches, smoothing) + _spread(logits.T, matches.T, smoothing)) / 2


def neighbours(
    images: Tensor, labels: Tensor, *, type_alone: float, colour_alone: float, scale: float = 10.0
) -> Tensor:
    """Supervised contrastive loss between images.

    An image of the same article type and colour is a whole match, one of the same type or colour
    alone the part of a match that is given. images: (n, dim) float, L2-normalised; labels:
    (n, attributes) int64, type and colour first, -1 where unknown.
    """
    logits = scale * images @ images.T
    itself = torch.eye(len(images), dtype=torch.bool, device=images.device)
    logits = logits.masked_fill(itself, -1e4)
    same = (labels[:, None, :2] == labels[None, :, :2]) & (labels[:, None, :2] >= 0)
    kind, colour = same[..., 0].float(), same[..., 1].float()
    both = 1 - type_alone - colour_alone
    weight = type_alone * kind + colour_alone * colour + both * kind * colour
    weight = weight.masked_fill(itself, 0)
    total = weight.sum(1)
    some = total > 0
    target = weight[some] / total[some].unsqueeze(1)
    return -(target * F.log_softmax(logits[some], dim=1)).sum(1).mean()


def _spread(logits: Tensor, matches: Tensor, smoothing: float) -> Tensor:
    some = matches.any(1)
    target = matches[some].float()
    target = target / target.sum(1, keepdim=True)
    target = target * (1 - smoothing) + smoothing / target.shape[1]
    return -(target * F.log_softmax(logits[some], dim=1)).sum(1).mean()
