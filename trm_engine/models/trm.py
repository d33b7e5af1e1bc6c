"""The Tiny Recursive Model: one small network, applied again and again to an answer and a thought.

Source: A. Jolicoeur-Martineau, "Less is More: Recursive Reasoning with Tiny Networks" (2025),
sections 4.1 to 4.6; names are the paper's: x the question, y the answer, z the latent thought.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.func import functional_call

from trm_engine.config import TRMConfig
from trm_engine.models.embeddings import ConversationEmbedding
from trm_engine.models.heads import Heads, TRMOutput
from trm_engine.models.layers import Block, truncated_normal_
from trm_engine.models.layout import Context, Layout

State = tuple[Tensor, Tensor]
"""y and z, [N, D] each."""

STARTS = ("y_init", "z_init")
"""What y and z begin with, [D] each: drawn once, part of the model, not learnt."""


class RecursiveCore(nn.Module):
    """T rounds of n updates of z and one of y, by one network; only the last round learns."""

    def __init__(self, config: TRMConfig) -> None:
        super().__init__()
        self.n = config.n_latent_recursion
        self.T = config.T_deep_recursion
        self.layers = nn.ModuleList(
            Block(config.hidden_size, config.num_heads, config.expansion)
            for _ in range(config.num_layers)
        )

    def forward(self, x: Tensor, y: Tensor, z: Tensor, layout: Layout) -> State:
        with torch.no_grad():
            for _ in range(self.T - 1):
                y, z = self._round(x, y, z, layout)
        return self._round(x, y, z, layout)

    def _round(self, x: Tensor, y: Tensor, z: Tensor, layout: Layout) -> State:
        for _ in range(self.n):
            z = self._net(x + y + z, layout)
        return self._net(y + z, layout), z

    def _net(self, h: Tensor, layout: Layout) -> Tensor:
        for layer in self.layers:
            h = layer(h, layout)
        return h


class TRMForToolCalling(nn.Module):
    """Reads a conversation; answers with decision, tool, arguments and slots, step by step.

    ``compute_dtype`` is the type of the recursion: float32 or bfloat16. Parameters, heads and
    everything after them stay fp32.
    """

    def __init__(self, config: TRMConfig) -> None:
        super().__init__()
        self.config = config
        self.compute_dtype = torch.float32
        self.embedding = ConversationEmbedding(config)
        self.core = RecursiveCore(config)
        self.heads = Heads(config)
        self.y_init: Tensor
        self.z_init: Tensor
        for name in STARTS:
            self.register_buffer(name, truncated_normal_(torch.empty(config.hidden_size)))
        self.run_core = self.core.forward

    def compile_core(self) -> None:
        """Compile the recursion with torch.compile; the parameters stay where they are."""
        self.run_core = torch.compile(self.core.forward, dynamic=True)

    def start(self, context: Context) -> State:
        """y and z before the first step."""
        dtype = self.compute_dtype
        return (
            self.y_init.to(dtype).expand_as(context.x),
            self.z_init.to(dtype).expand_as(context.x),
        )

    def refine(self, context: Context, state: State) -> State:
        """One supervision step: improve y and z. Gradients reach x and the core's last round.

        Weights are cast here, once a step and outside no_grad, so that every one gets a gradient.
        """
        dtype = self.compute_dtype
        arguments = (context.x.to(dtype), *state, context.layout.to(dtype))
        if dtype == torch.float32:
            return self.run_core(*arguments)
        weights = {name: weight.to(dtype) for name, weight in self.core.named_parameters()}
        core = _Callable(self.core, self.run_core)
        refined: State = functional_call(core, _inner(weights), arguments)
        return refined

    def word_logits(self, y: Tensor) -> Tensor:
        """What hidden words are, by y where they stood: [K, D] to [K, vocabulary]."""
        assert self.heads.words is not None
        logits: Tensor = self.heads.words(y.float()) @ self.embedding.tokens.weight.T
        return logits

    def supervision_steps(self, context: Context, steps: int | None = None) -> Iterator[TRMOutput]:
        """The outputs of steps 1, 2, ...; y and z are detached in between (section 4.1).

        A caller who backpropagates each output before asking for the next holds one step's
        activations only.
        """
        state = self.start(context)
        for _ in range(steps or self.config.N_supervision):
            state = self.refine(context, state)
            yield self.heads(*state, context)
            state = (state[0].detach(), state[1].detach())

    def train_step(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        role_ids: Tensor,
        text_flags: Tensor | None = None,
        tool_mask: Tensor | None = None,
    ) -> list[TRMOutput]:
        """The outputs of all N_sup supervision steps, graphs kept.

        Inputs are [B, L] each; ``tool_mask`` [B, T] says which tools are on offer (default: all).
        """
        context = self.embedding(input_ids, attention_mask, role_ids, text_flags, tool_mask)
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
        context = self.embedding(input_ids, attention_mask, role_ids, text_flags, tool_mask)
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
                going = output.q_logits[:, 0].sigmoid() < halt_threshold
                active = active[going]
                if not len(active):
                    break
                context, places = context.rows(going)
                state = (state[0][places], state[1][places])
        assert answer is not None
        return answer


class _Callable(nn.Module):
    """The core under another call, so that functional_call can swap its weights."""

    def __init__(self, core: RecursiveCore, call: Callable[..., State]) -> None:
        super().__init__()
        self.core = core
        self.call = call

    def forward(self, *arguments: Tensor | Layout) -> State:
        return self.call(*arguments)


def _inner(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"core.{name}": weight for name, weight in weights.items()}
