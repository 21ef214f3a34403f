"""Small networks of the kinds that people have, and sizes of small decoders, for the table of coverage."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn
from transformers import BertConfig, BertForSequenceClassification, LlamaConfig
from transformers.models.llama.modeling_llama import LlamaDecoderLayer, LlamaRotaryEmbedding

F = nn.functional
COMMON: dict[str, Any] = {
    "vocab_size": 64,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
    "bos_token_id": None,
    "eos_token_id": 1,
}
DECODERS: dict[str, dict[str, Any]] = {
    "gemma3_text": {"head_dim": 8, "layer_types": ["sliding_attention", "full_attention"]},
    "llama": {},
    "mistral": {"sliding_window": 5},
    "qwen2": {},
    "qwen3": {"head_dim": 16},
    "gemma": {"head_dim": 8},
    "gemma2": {"head_dim": 8},
    "granite": {},
    "olmo2": {},
    "phi3": {},
    "smollm3": {},
    "gpt2": {},
    "opt": {"ffn_dim": 48, "word_embed_proj_dim": 32},
    "bloom": {},
    "falcon": {},
    "gpt_neox": {},
    "mamba": {},
    "mixtral": {},
}
"""By model type, what is not as in `COMMON`."""


class Residual(nn.Module):
    """What a block gives, and what it was given."""

    def __init__(self, *block: nn.Module):
        super().__init__()
        self.block = nn.Sequential(*block)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.block(x)


class Excited(nn.Module):
    """Hu et al. 2018: channels by gates that are computed of all of them."""

    def __init__(self, channels: int):
        super().__init__()
        self.gate = nn.Sequential(
            *(nn.AdaptiveAvgPool2d(1), nn.Conv2d(channels, 2, 1), nn.ReLU()),
            *(nn.Conv2d(2, channels, 1), nn.Sigmoid()),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.gate(x)


class Inception(nn.Module):
    """Szegedy et al. 2014: convolutions side by side."""

    def __init__(self, channels: int):
        super().__init__()
        self.parts = nn.ModuleList(
            nn.Conv2d(channels, 4, size, padding=size // 2) for size in (1, 3, 5)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([part(x) for part in self.parts], 1)


class UNet(nn.Module):
    """Ronneberger et al. 2015, of one level."""

    def __init__(self) -> None:
        super().__init__()
        self.down, self.low = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 8, 3, padding=1)
        self.up = nn.ConvTranspose2d(8, 4, 2, 2)
        self.out = nn.Conv2d(8, 1, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        high = torch.relu(self.down(x))
        low = torch.relu(self.low(F.max_pool2d(high, 2)))
        return self.out(torch.cat([high, self.up(low)], 1))


class Upsampling(nn.Module):
    """A decoder of images from rows."""

    def __init__(self) -> None:
        super().__init__()
        self.rows, self.image = nn.Linear(6, 16), nn.Conv2d(4, 1, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        small = torch.relu(self.rows(x)).view(-1, 4, 2, 2)
        return self.image(F.interpolate(small, scale_factor=2, mode="nearest"))


class Last(nn.Module):
    """A linear layer of what a recurrent network has at its end."""

    def __init__(self, recurrent: nn.Module):
        super().__init__()
        self.recurrent, self.head = recurrent, nn.Linear(8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.recurrent(x)[0][:, -1])


class Attention(nn.Module):
    """A layer of attention to itself."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x, x, x, need_weights=False)[0]


class Patches(nn.Module):
    """Dosovitskiy et al. 2020: a transformer of the parts of an image, with positions and a token of the class."""

    def __init__(self) -> None:
        super().__init__()
        self.cut = nn.Conv2d(1, 8, 4, 4)
        self.first = nn.Parameter(torch.zeros(1, 1, 8))
        self.place = nn.Parameter(torch.zeros(1, 5, 8))
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, norm_first=True)
        self.norm, self.head = nn.LayerNorm(8), nn.Linear(8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        parts = self.cut(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.first.expand(len(x), -1, -1), parts], 1) + self.place
        return self.head(self.norm(self.layer(x))[:, 0])


class Embedded(nn.Module):
    """A model of transformers that is given embeddings."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.model(inputs_embeds=x).logits


def bert() -> nn.Module:
    return Embedded(bert_of_ids())


def bert_of_ids() -> nn.Module:
    config = BertConfig(
        vocab_size=16,
        hidden_size=8,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=8,
    )
    return BertForSequenceClassification(config)


class Decoder(nn.Module):
    """A layer of Llama, which is given embeddings of so many positions."""

    def __init__(self, positions: int):
        super().__init__()
        config = LlamaConfig(
            hidden_size=8, num_attention_heads=4, num_key_value_heads=2, intermediate_size=16
        )
        config._attn_implementation = "sdpa"
        self.layer, self.rotary = LlamaDecoderLayer(config, 0), LlamaRotaryEmbedding(config)
        self.register_buffer("places", torch.arange(positions)[None], persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x, position_embeddings=self.rotary(x, self.places))


class Mixer(nn.Module):
    """Tolstikhin et al. 2021: linear layers along either axis."""

    def __init__(self) -> None:
        super().__init__()
        self.places, self.channels = nn.Linear(16, 16), nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.flatten(2)
        x = x + self.places(x)
        return x.transpose(1, 2) + self.channels(x.transpose(1, 2))


class Variational(nn.Module):
    """Kingma and Welling 2013: what the encoder says of the mean and the variance."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.mean, self.log = nn.Linear(12, 8), nn.Linear(8, 2), nn.Linear(8, 2)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        h = torch.tanh(self.hidden(x))
        return self.mean(h), torch.exp(self.log(h))


class Siamese(nn.Module):
    """Two inputs by the same layers, and how far they are apart."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(6, 4)

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        difference = self.layer(x) - self.layer(y)
        return difference * difference


class Gated(nn.Module):
    """Dauphin et al. 2016."""

    def __init__(self) -> None:
        super().__init__()
        self.value, self.gate = nn.Linear(6, 4), nn.Linear(6, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.value(x) * torch.sigmoid(self.gate(x))


def conv(before: int, after: int, **options: Any) -> list[nn.Module]:
    """A convolution with norm and ReLU."""
    return [
        nn.Conv2d(before, after, 3, padding=1, **options),
        nn.BatchNorm2d(after),
        nn.ReLU(),
    ]


def head(channels: int) -> list[nn.Module]:
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 3)]


def mlp(activation: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Linear(6, 8), activation, nn.Linear(8, 3))


NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[tuple[int, ...], ...]]] = {
    "linear regression": (lambda: nn.Linear(6, 1), ((6,),)),
    "MLP, ReLU": (lambda: mlp(nn.ReLU()), ((6,),)),
    "MLP, GELU": (lambda: mlp(nn.GELU()), ((6,),)),
    "MLP, SiLU": (lambda: mlp(nn.SiLU()), ((6,),)),
    "MLP, tanh": (lambda: mlp(nn.Tanh()), ((6,),)),
    "MLP, ELU": (lambda: mlp(nn.ELU()), ((6,),)),
    "MLP, SELU": (lambda: mlp(nn.SELU()), ((6,),)),
    "MLP, softplus": (lambda: mlp(nn.Softplus()), ((6,),)),
    "MLP, Mish": (lambda: mlp(nn.Mish()), ((6,),)),
    "MLP, hardswish": (lambda: mlp(nn.Hardswish()), ((6,),)),
    "MLP, leaky ReLU": (lambda: mlp(nn.LeakyReLU()), ((6,),)),
    "MLP, batch norm": (
        lambda: nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3)),
        ((6,),),
    ),
    "MLP, softmax": (lambda: nn.Sequential(nn.Linear(6, 3), nn.Softmax(1)), ((6,),)),
    "MLP, log-softmax": (lambda: nn.Sequential(nn.Linear(6, 3), nn.LogSoftmax(1)), ((6,),)),
    "residual MLP, layer norm": (
        lambda: nn.Sequential(Residual(nn.LayerNorm(6), nn.Linear(6, 6)), nn.Linear(6, 3)),
        ((6,),),
    ),
    "gated linear unit": (Gated, ((6,),)),
    "autoencoder of rows": (
        lambda: nn.Sequential(nn.Linear(12, 4), nn.ReLU(), nn.Linear(4, 12), nn.Sigmoid()),
        ((12,),),
    ),
    "variational encoder": (Variational, ((12,),)),
    "siamese distance": (Siamese, ((6,), (6,))),
    "CNN, max pool": (
        lambda: nn.Sequential(*conv(1, 4), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(64, 3)),
        ((1, 8, 8),),
    ),
    "CNN, mean pool": (
        lambda: nn.Sequential(*conv(1, 4), nn.AvgPool2d(2), *head(4)),
        ((1, 8, 8),),
    ),
    "CNN, dilated": (
        lambda: nn.Sequential(nn.Conv2d(1, 4, 3, dilation=2), nn.ReLU(), *head(4)),
        ((1, 8, 8),),
    ),
    "residual CNN": (
        lambda: nn.Sequential(*conv(1, 4), Residual(*conv(4, 4)), nn.ReLU(), *head(4)),
        ((1, 8, 8),),
    ),
    "depthwise CNN": (
        lambda: nn.Sequential(*conv(1, 4), *conv(4, 4, groups=4), nn.ReLU6(), *head(4)),
        ((1, 8, 8),),
    ),
    "grouped CNN": (
        lambda: nn.Sequential(*conv(1, 4), *conv(4, 4, groups=2), *head(4)),
        ((1, 8, 8),),
    ),
    "CNN, group norm": (
        lambda: nn.Sequential(nn.Conv2d(1, 4, 3), nn.GroupNorm(2, 4), nn.ReLU(), *head(4)),
        ((1, 8, 8),),
    ),
    "squeeze and excitation": (
        lambda: nn.Sequential(*conv(1, 4), Excited(4), *head(4)),
        ((1, 8, 8),),
    ),
    "inception": (lambda: nn.Sequential(Inception(1), nn.ReLU(), *head(12)), ((1, 8, 8),)),
    "U-Net": (UNet, ((1, 8, 8),)),
    "autoencoder of images": (
        lambda: nn.Sequential(
            *(nn.Conv2d(1, 4, 3, 2, 1), nn.ReLU()),
            *(nn.ConvTranspose2d(4, 1, 2, 2), nn.Sigmoid()),
        ),
        ((1, 8, 8),),
    ),
    "upsampling decoder": (Upsampling, ((6,),)),
    "1D CNN": (
        lambda: nn.Sequential(nn.Conv1d(2, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(24, 3)),
        ((2, 8),),
    ),
    "MLP-mixer": (Mixer, ((4, 4, 4),)),
    "LSTM": (lambda: Last(nn.LSTM(4, 8, batch_first=True)), ((5, 4),)),
    "GRU": (lambda: Last(nn.GRU(4, 8, batch_first=True)), ((5, 4),)),
    "self-attention": (Attention, ((5, 8),)),
    "transformer encoder layer": (
        lambda: nn.TransformerEncoderLayer(8, 2, 16, batch_first=True),
        ((5, 8),),
    ),
    "vision transformer": (Patches, ((1, 8, 8),)),
    "BERT, of embeddings": (bert, ((5, 8),)),
    "layer of Llama": (lambda: Decoder(5), ((5, 8),)),
}
"""What makes each, and the shapes of an example of its inputs."""


def networks() -> Iterator[tuple[str, nn.Module, tuple[torch.Tensor, ...]]]:
    """All of them with examples of their inputs."""
    for name, (make, shapes) in NETWORKS.items():
        yield name, make().eval(), tuple(torch.zeros(2, *shape) for shape in shapes)
    yield "BERT, of ids", bert_of_ids().eval(), (torch.zeros(2, 5, dtype=torch.int64),)
