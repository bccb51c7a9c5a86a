"""Import torchvision where its compiled operators don't match the torch build.

open_clip needs torchvision for its transforms alone. With a CPU build of torch and the build of
torchvision that PyPI has, the compiled operators cannot be loaded, and torchvision then fails on
import because some of them are described without being declared. Declaring them is enough.
"""

_OPERATORS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_kept_alive: list[object] = []  # A declaration lasts as long as its Library object.


def import_torchvision() -> None:
    """Import torchvision, declaring the operators that its import needs if they are missing.

    Call it before open_clip is imported. Calling it again costs nothing.
    """
    try:
        import torchvision
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
        for operator in _OPERATORS:
            _declare(operator)
        import torchvision  # noqa: F401


def _declare(operator: str) -> None:
    import torch

    name = operator.partition("(")[0]
    if not hasattr(torch.ops.torchvision, name):
        library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
        library.define(operator)  # type: ignore[no-untyped-call]
        _kept_alive.append(library)
