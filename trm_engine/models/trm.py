"""The Tiny Recursive Model for tool calling: embedding, recursion and heads put together.

Source: A. Jolicoeur-Martineau, "Less is More: Recursive Reasoning with Tiny Networks" (2025). The
recursion is the paper's (``recursion``). What differs from the paper:

- x embeds a conversation; learned registers replace the puzzle embedding (``embeddings``)
- a token does not see later turns, so samples of a dialogue share its tokens (``layout``)
- heads read decision, tool, slots and arguments instead of a grid of cells (``heads``)
- q judges decision, tool and slot presence, not values
- weights are cast to bfloat16 once a supervision step; heads are fp32

docs/model.md has the whole list, with reasons and measurements.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor, nn
from torch.func import functional_call

from trm_engine.config import TRMConfig
from trm_engine.data.catalogue_tokens import CatalogueTokens
from trm_engine.inference.halting import halts
from trm_engine.models.embeddings import Embedding
from trm_engine.models.heads import Heads, TRMOutput
from trm_engine.models.layers import rms_norm, truncated_normal_
from trm_engine.models.layout import Context, Layout
from trm_engine.models.readings import Readings, value_embeddings
from trm_engine.models.recursion import RecursiveCore, State, deep_supervision

STARTS = ("y_init", "z_init")
"""Initial y and z, [D] each: drawn once, saved with the model, not trained."""

NOT_TRAINED = (*STARTS, "heads.common_words.rarity")
"""What is saved with the weights and is none."""


class TRMForToolCalling(nn.Module):
    """Reads conversations; each supervision step predicts decision, tool, arguments and slots.

    Attributes:
        compute_dtype: the type of the recursion, float32 or bfloat16. Parameters and heads are
            fp32.
        run_core: the recursion as it is called, compiled or not.
    """

    def __init__(self, config: TRMConfig) -> None:
        super().__init__()
        self.config = config
        self.compute_dtype = torch.float32
        self.embedding = Embedding(config)
        self.core = RecursiveCore(config)
        self.heads = Heads(config)
        self._catalogue: CatalogueTokens | None = None
        self.y_init: Tensor
        self.z_init: Tensor
        for name in STARTS:
            self.register_buffer(name, truncated_normal_(torch.empty(config.hidden_size)))
        self.run_core: Callable[..., State] = self.core.forward

    def compile_core(self) -> None:
        """Compile the recursion with torch.compile; parameters keep their names."""
        self.run_core = torch.compile(self.core.forward, dynamic=True)

    @property
    def catalogue(self) -> CatalogueTokens:
        """The tools, slots and arguments that are read unless others are given.

        For a model that was told none, numbers stand for them.
        """
        if self._catalogue is None:
            self._catalogue = CatalogueTokens.numbered(self.config).to("cpu")
        return self._catalogue

    @catalogue.setter
    def catalogue(self, catalogue: CatalogueTokens) -> None:
        self._catalogue = catalogue.to("cpu")

    def read(self, catalogue: CatalogueTokens | None = None) -> Readings:
        """Read a catalogue, by default the model's own, with the network that reads conversations.

        Every entry is read by itself, in one supervision step: readings can be kept.
        """
        device = self.y_init.device
        catalogue = (self.catalogue if catalogue is None else catalogue).to(device)
        context = self.embedding.catalogue(catalogue)
        y, _ = self.refine(context, self.start(context))
        summaries, words = self.entry_readings(y, context)
        tools = catalogue.num_tools
        return Readings(
            summaries,
            words[:tools],
            context.token_mask[:tools],
            *self.value_readings(catalogue.values),
            catalogue,
        )

    def entry_readings(self, y: Tensor, context: Context) -> tuple[Tensor, Tensor]:
        """The summary [E, D] and the words [E, L, D] of a catalogue's entries, given y [N, D]."""
        tokens, registers = context.layout.split(y.float())
        embedded = context.layout.split(context.x)[0]
        mean = (embedded * context.token_mask[..., None]).sum(dim=1)
        return registers[:, 0] + rms_norm(mean), tokens + embedded

    def value_readings(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """``Readings.values`` and ``value_mask`` of tokens [F, V, M]."""
        return value_embeddings(values, self.embedding.tokens(values) * self.embedding.scale)

    def start(self, context: Context) -> State:
        """y and z before the first step."""
        dtype = self.compute_dtype
        return (
            self.y_init.to(dtype).expand_as(context.x),
            self.z_init.to(dtype).expand_as(context.x),
        )

    def refine(self, context: Context, state: State) -> State:
        """One supervision step: improve y and z. Gradients reach x and the last round.

        Weights are cast here, once a step and outside no_grad, so that all of them get a gradient.
        """
        dtype = self.compute_dtype
        arguments = (context.x.to(dtype), *state, context.layout.to(dtype))
        if dtype == torch.float32:
            return self.run_core(*arguments)
        weights = {f"core.{name}": w.to(dtype) for name, w in self.core.named_parameters()}
        core = _WithWeights(self.core, self.run_core)
        refined: State = functional_call(core, weights, arguments)
        return refined

    def word_logits(self, y: Tensor) -> Tensor:
        """Logits of K hidden tokens from y at their positions: [K, D] to [K, vocabulary]."""
        assert self.heads.words is not None
        logits: Tensor = self.heads.words(y.float()) @ self.embedding.tokens.weight.T
        return logits

    def supervision_steps(self, context: Context, steps: int | None = None) -> Iterator[TRMOutput]:
        """The outputs of steps 1, 2, ... up to N_sup, or ``steps``."""
        step = partial(self.refine, context)
        for y, z in deep_supervision(step, self.start(context), steps or self.config.N_supervision):
            yield self.heads(y, z, context)

    def train_step(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        role_ids: Tensor,
        text_flags: Tensor | None = None,
        tool_mask: Tensor | None = None,
    ) -> list[TRMOutput]:
        """The outputs of all N_sup supervision steps, graphs kept.

        Inputs are [B, L] each; ``tool_mask`` [B, T] says which tools may be called (default: all).
        """
        inputs = (input_ids, attention_mask, role_ids, text_flags, tool_mask)
        context = self.embedding(self.read(), *inputs)
        return list(self.supervision_steps(context))

    forward = train_step

    @torch.no_grad()
    def inference(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        role_ids: Tensor,
        halt_threshold: float | None = None,
        num_steps: int | None = None,
        text_flags: Tensor | None = None,
        tool_mask: Tensor | None = None,
    ) -> TRMOutput:
        """The last step's output; inputs as for ``train_step``.

        With ``halt_threshold`` a sample stops at the first step where sigmoid(q) reaches it and
        leaves the batch; ``steps_used`` [B] says when.
        """
        inputs = (input_ids, attention_mask, role_ids, text_flags, tool_mask)
        context = self.embedding(self.read(), *inputs)
        state = self.start(context)
        steps = num_steps or self.config.N_supervision
        active = torch.arange(len(input_ids), device=input_ids.device)
        answer: TRMOutput | None = None
        for step in range(1, steps + 1):
            state = self.refine(context, state)
            output: TRMOutput = self.heads(*state, context)
            output.steps_used = torch.full_like(active, step)
            if answer is None:
                answer = output
            else:
                answer.put_rows(active, output)
            if halt_threshold is not None:
                going = ~halts(output.q_logits[:, 0].sigmoid(), halt_threshold)
                active = active[going]
                if not len(active):
                    break
                context, places = context.rows(going)
                state = (state[0][places], state[1][places])
        assert answer is not None
        return answer


class _WithWeights(nn.Module):
    """Calls the core, compiled or not, with the weights that functional_call puts into it."""

    def __init__(self, core: RecursiveCore, call: Callable[..., State]) -> None:
        super().__init__()
        self.core = core
        self.call = call

    def forward(self, *arguments: Tensor | Layout) -> State:
        return self.call(*arguments)
