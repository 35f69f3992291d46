"""A small character-level transformer on text that comes with Python: a training of six methods, in
torch."""

from collections.abc import Mapping
from math import exp
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from hetsched.domain.training import Resources

OPTIMIZERS = {"sgd": torch.optim.SGD, "adamw": torch.optim.AdamW}
WINDOWS = 64
"""The number of windows of the held-out text in an evaluation."""


class Network(nn.Module):
    """Predicts each next letter from those before it: (batch, letters) -> (batch, letters, size of
    the alphabet)."""

    def __init__(self, alphabet: int, context: int, width: int, heads: int, layers: int) -> None:
        super().__init__()
        self.letters = nn.Embedding(alphabet, width)
        self.places = nn.Parameter(torch.zeros(context, width))
        block = nn.TransformerEncoderLayer(width, heads, 4 * width, batch_first=True, norm_first=True)
        self.blocks = nn.TransformerEncoder(block, layers, enable_nested_tensor=False)
        self.head = nn.Linear(width, alphabet)
        self.register_buffer("past", nn.Transformer.generate_square_subsequent_mask(context), persistent=False)

    def forward(self, letters: Tensor) -> Tensor:
        return self.head(self.blocks(self.letters(letters) + self.places, mask=self.past, is_causal=True))


class LanguageModel:
    """One iteration is one step of the optimiser. Options: `context`, `batch`, `width`, `heads` and
    `layers`."""

    def __init__(self, options: Mapping[str, Any], resources: Resources) -> None:
        sizes = {"context": 32, "batch": 16, "width": 32, "heads": 4, "layers": 2} | dict(options)
        self.context, self.batch = sizes["context"], sizes.pop("batch")
        self.device = resources.device
        torch.set_num_threads(max(resources.threads, 1))
        text = "\n".join(topics[name] for name in sorted(topics))
        codes = torch.frombuffer(bytearray(text, "utf-32-le"), dtype=torch.int32).to(self.device)
        alphabet, letters = codes.unique(return_inverse=True)
        cut = len(letters) * 9 // 10
        self.train_text, held_out = letters[:cut], letters[cut:]
        self.held_out = self._windows(held_out, torch.linspace(0, len(held_out) - self.context - 1, WINDOWS).long())
        self.sizes = {"alphabet": len(alphabet), **sizes}

    def start(self, hyperparameters: dict[str, Any], seed: int) -> None:
        torch.manual_seed(seed)
        self.seed, self.iteration = seed, 0
        self.network = Network(**self.sizes).to(self.device)
        self._make_optimizer(hyperparameters["optimizer"])
        self.change(hyperparameters)

    def change(self, hyperparameters: dict[str, Any]) -> None:
        if hyperparameters["optimizer"] != self.optimizer_name:
            self._make_optimizer(hyperparameters["optimizer"])  # a new one: the moments of the old mean nothing to it
        for group in self.optimizer.param_groups:
            group["lr"], group["weight_decay"] = hyperparameters["lr"], hyperparameters["weight_decay"]
        for module in self.network.modules():
            if isinstance(module, nn.Dropout):
                module.p = hyperparameters["dropout"]
            elif isinstance(module, nn.MultiheadAttention):
                module.dropout = hyperparameters["dropout"]

    def train(self, iterations: int) -> None:
        self.network.train()
        for _ in range(iterations):
            torch.manual_seed(hash((self.seed, self.iteration)))  # so batches and dropout depend on nothing else
            loss = self._loss(*self._windows(self.train_text, self._places()))
            self.optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
            self.optimizer.step()
            self.iteration += 1

    @torch.no_grad()
    def evaluate(self) -> dict[str, float]:
        """The loss in nats per letter of the held-out text, and its exponential."""
        self.network.eval()
        loss = self._loss(*self.held_out).item()
        return {"loss": loss, "perplexity": exp(min(loss, 100.0))}

    def save(self, folder: Path) -> None:
        state = {
            "network": self.network.state_dict(),
            "optimizer_name": self.optimizer_name,
            "optimizer": self.optimizer.state_dict(),
            "seed": self.seed,
            "iteration": self.iteration,
        }
        torch.save(state, folder / "state.pt")

    def load(self, folder: Path) -> None:
        state = torch.load(folder / "state.pt", map_location=self.device)
        self.network = Network(**self.sizes).to(self.device)
        self.network.load_state_dict(state["network"])
        self._make_optimizer(state["optimizer_name"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.seed, self.iteration = state["seed"], state["iteration"]

    def _make_optimizer(self, name: str) -> None:
        self.optimizer_name = name
        self.optimizer = OPTIMIZERS[name](self.network.parameters())

    def _places(self) -> Tensor:
        return torch.randint(len(self.train_text) - self.context, (self.batch,))

    def _windows(self, text: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
        """The letters from each place on, and the letter that follows each of them. Both have shape
        (places, context)."""
        indices = (places[:, None] + torch.arange(self.context)).to(self.device)
        return text[indices], text[indices + 1]

    def _loss(self, letters: Tensor, following: Tensor) -> Tensor:
        return cross_entropy(self.network(letters).flatten(0, 1), following.flatten())
