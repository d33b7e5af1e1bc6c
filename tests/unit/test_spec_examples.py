"""The examples of the specification, run as they are written.

Only what ``EDITS`` and ``SMALLER`` list is changed: the package's name, the device, and sizes that
a CPU cannot run in seconds.
"""

from __future__ import annotations

import json
import random
import re
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tests.support import write_jsonl
from trm_engine.data.telecom import generate_samples
from trm_engine.data.tokenizer import TRMTokenizer
from trm_engine.vocabulary import BOS_ID, EOS_ID, ROLE_IDS, marker_id

EDITS = {"trm_agent": "trm_engine", 'torch.device("cuda")': 'torch.device("cpu")'}
SMALLER = {"range(100)": "range(2)", "batch_size=32": "batch_size=8"}
SIZES = "hidden_size=32, n_latent_recursion=1, T_deep_recursion=2, N_supervision=3, "

SAMPLE = {
    "tools": [
        {
            "type": "function",
            "function": {
                "name": "get_customer_info",
                "description": "Get customer information",
                "parameters": {"type": "object", "properties": {"phone": {"type": "string"}}},
            },
        }
    ],
    "history": [
        {"role": "system", "content": "You are a helpful assistant."},
        {"role": "user", "content": "Check info for 0901234567"},
    ],
    "decision": "tool_call",
    "tool": {"name": "get_customer_info", "arguments": {"phone": "0901234567"}},
    "slots": {
        "phone": "0901234567",
        "name": "",
        "address": "",
        "device_number": "",
        "intent_of_user": "check_info",
        "contract_id": "",
    },
    "content": "",
}

STEP_2 = """
from trm_agent.data import TRMTokenizer

tokenizer = TRMTokenizer("tokenizer/trm.model")

history = [
    {"role": "system", "content": "You are a helpful assistant."},
    {"role": "user", "content": "Check info for 0901234567"}
]

encoded = tokenizer.encode_conversation(history, max_length=2048)
"""

STEP_3 = """
from trm_agent.data import TRMToolCallingDataset

dataset = TRMToolCallingDataset("data/train.jsonl", tokenizer)
sample = dataset[0]
"""

STEP_4 = """
from trm_agent.data.collator import TRMCollator

collator = TRMCollator(pad_token_id=0)
batch = collator([dataset[0], dataset[1], dataset[2], dataset[3]])
"""

STEP_5 = """
from trm_agent.models import TRMConfig, TRMForToolCalling

config = TRMConfig(
    hidden_size=512,
    num_layers=2,
    num_tools=3,
    num_slots=6,
    n_latent_recursion=6,
    T_deep_recursion=3,
    N_supervision=16,
)
model = TRMForToolCalling(config)

# Move to device
device = torch.device("cuda")
model = model.to(device)
batch = {k: v.to(device) for k, v in batch.items()}

# Training forward (returns N_sup outputs)
all_outputs = model.train_step(
    input_ids=batch["input_ids"],           # [4, 64]
    attention_mask=batch["attention_mask"], # [4, 64]
    role_ids=batch["role_ids"],             # [4, 64]
)
"""

STEP_6 = """
from trm_agent.training.losses import DeepSupervisionLoss

loss_fn = DeepSupervisionLoss(config)

losses = loss_fn(
    all_outputs,                        # List of 16 TRMOutput
    batch["decision_labels"],           # [4]
    batch["tool_name_labels"],          # [4]
    batch["slot_presence_labels"],      # [4, 6]
)
"""

OPTIMIZER = """
optimizer = AdamW(
    model.parameters(),
    lr=1e-4,
    betas=(0.9, 0.95),
    weight_decay=0.1,
)
"""

SCHEDULE = """
def lr_lambda(step):
    if step < warmup_steps:
        return step / warmup_steps  # Linear warmup
    return 1.0  # Constant after warmup
"""

STEP_7 = """
# Backward pass
losses["total_loss"].backward()

# Gradient clipping
nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)

# Optimizer step
optimizer.step()
scheduler.step()
optimizer.zero_grad()

# EMA update
ema.update()
"""

STEP_8 = """
# For inference, use model.inference()
with torch.no_grad():
    model.eval()
    ema.apply_shadow()  # Use EMA weights

    output = model.inference(
        input_ids=batch["input_ids"],
        attention_mask=batch["attention_mask"],
        role_ids=batch["role_ids"],
    )

    # Get predictions
    decision_probs = torch.sigmoid(output.decision_logits)
    decisions = (decision_probs > 0.5).long()
    # tensor([[1], [0], [1], [0]])  # tool_call, direct, tool_call, direct

    tool_ids = output.tool_logits.argmax(dim=-1)
    # tensor([0, 1, 2, 0])  # Predicted tool IDs

    slot_presence = torch.sigmoid(output.slot_presence_logits) > 0.5
    # tensor([[F, T, F, F, T, F],
    #         [F, F, F, F, F, F],
    #         [T, T, F, F, T, F],
    #         [F, F, F, F, F, F]])

    ema.restore()  # Restore original weights
"""

SAVE = """
state = {
    "model_state_dict": model.state_dict(),
    "optimizer_state_dict": optimizer.state_dict(),
    "scheduler_state_dict": scheduler.state_dict(),
    "ema_state_dict": ema.state_dict(),
    "global_step": global_step,
    "epoch": epoch,
    "config": config.to_dict(),
}
torch.save(state, "checkpoints/step_1000.pt")
"""

LOAD = """
state = torch.load("checkpoints/step_1000.pt")
model.load_state_dict(state["model_state_dict"])
optimizer.load_state_dict(state["optimizer_state_dict"])
scheduler.load_state_dict(state["scheduler_state_dict"])
ema.load_state_dict(state["ema_state_dict"])
global_step = state["global_step"]
epoch = state["epoch"]
"""

SCRIPT = """
import torch
from torch.optim import AdamW

from trm_agent.data import TRMTokenizer, TRMToolCallingDataset
from trm_agent.data.collator import create_dataloader
from trm_agent.models import TRMConfig, TRMForToolCalling
from trm_agent.models.ema import EMA
from trm_agent.training.losses import DeepSupervisionLoss

# 1. Setup
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

# 2. Load tokenizer and data
tokenizer = TRMTokenizer("tokenizer/trm.model")
dataset = TRMToolCallingDataset("data/train.jsonl", tokenizer)
dataloader = create_dataloader(dataset, batch_size=32, shuffle=True)

# 3. Create model
config = TRMConfig(num_tools=len(dataset.tool_name_to_id))
model = TRMForToolCalling(config).to(device)

# 4. Setup training
optimizer = AdamW(model.parameters(), lr=1e-4, weight_decay=0.1)
loss_fn = DeepSupervisionLoss(config)
ema = EMA(model, decay=0.999)

# 5. Training loop
for epoch in range(100):
    model.train()
    total_loss = 0

    for batch in dataloader:
        # Move to device
        batch = {k: v.to(device) for k, v in batch.items()}

        # Forward
        all_outputs = model.train_step(
            batch["input_ids"],
            batch["attention_mask"],
            batch["role_ids"],
        )

        # Loss
        losses = loss_fn(
            all_outputs,
            batch["decision_labels"],
            batch["tool_name_labels"],
            batch["slot_presence_labels"],
        )

        # Backward
        losses["total_loss"].backward()

        # Optimize
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        ema.update()

        total_loss += losses["total_loss"].item()

    print(f"Epoch {epoch}: Loss = {total_loss / len(dataloader):.4f}")

# 6. Save model
ema.apply_shadow()
torch.save(model.state_dict(), "model_ema.pt")
"""


def edited(code: str, edits: dict[str, str]) -> str:
    for old, new in edits.items():
        code = code.replace(old, new)
    return code


def run(code: str, names: dict[str, Any], **edits: str) -> None:
    """Run one of the specification's examples in ``names``."""
    exec(compile(edited(code, {**EDITS, **edits}), "the specification", "exec"), names)


# --- data ---------------------------------------------------------------------------------------


def spec_samples() -> list[dict[str, Any]]:
    """Four samples in the spec's form: its own, and three more; 3 tools, 6 slots."""
    names = ("get_customer_info", "check_bill", "reset_device")
    tools = [
        {"type": "function", "function": {**SAMPLE["tools"][0]["function"], "name": name}}
        for name in names
    ]
    empty = dict.fromkeys(SAMPLE["slots"], "")
    answer = {
        "tools": tools,
        "decision": "direct_answer",
        "tool": {},
        "slots": empty,
        "content": "How can I help you?",
    }
    system = {"role": "system", "content": "You are a helpful assistant."}
    reset = {"role": "user", "content": "Please reset my device, the number is 0907654321, now"}
    return [
        SAMPLE,
        {**answer, "history": [system, {"role": "user", "content": "Hello there"}]},
        {
            **answer,
            "history": [system, reset],
            "decision": "tool_call",
            "tool": {"name": "reset_device", "arguments": {"phone": "0907654321"}},
            "slots": {**empty, "phone": "0907654321", "intent_of_user": "reset"},
        },
        {**answer, "history": [system, {"role": "user", "content": "Thanks"}]},
    ]


def telecom_samples() -> list[dict[str, Any]]:
    return list(generate_samples(3))


SGD_SLOTS = (
    *("account_type", "amount", "area", "city", "date", "destination", "event_date"),
    *("event_name", "from_location", "number_of_beds", "pickup_date", "time", "to_location"),
)
PARAMETERS = [f"{kind}_{what}" for kind in ("pickup", "dropoff", "event") for what in
              ("city", "date", "time", "place")]  # fmt: skip


def sgd_samples() -> list[dict[str, Any]]:
    """As of the Schema-Guided Dialogue set: 13 slots, 17 tools, 12 parameters, no system turn."""
    dice = random.Random(0)
    tools = [
        {
            "type": "function",
            "function": {
                "name": f"Service{number}Find",
                "description": f"Find {number}",
                "parameters": {
                    "type": "object",
                    "properties": {
                        name: {"type": "string"}
                        for name in (PARAMETERS[number % 12], PARAMETERS[(number + 5) % 12])
                    },
                },
            },
        }
        for number in range(17)
    ]
    samples = []
    for number in range(17):
        city = dice.choice(["San Francisco", "san fran", "Paris", "L.A."])
        listed = [tools[number], tools[(number + 1) % 17]]
        ask = {"role": "user", "content": "I'm trying to find a rental car."}
        where = {"role": "assistant", "content": "Where?"}
        tell = {"role": "user", "content": f"In {city}, service {number} please."}
        empty = dict.fromkeys(SGD_SLOTS, "")
        plain = {"tools": listed, "decision": "direct_answer", "tool": {}, "slots": empty}
        call = {"name": f"Service{number}Find", "arguments": {PARAMETERS[number % 12]: city}}
        samples += [
            {**plain, "history": [ask], "content": "Where?"},
            {
                **plain,
                "history": [ask, where, tell],
                "decision": "tool_call",
                "tool": call,
                "slots": {**empty, "city": city},
                "content": "",
            },
        ]
    return samples


FILES = {"spec": spec_samples, "telecom": telecom_samples, "sgd": sgd_samples}


def of(*quick: str) -> pytest.MarkDecorator:
    """Run a test with these samples; with the others in the slow tests."""
    slow = [pytest.param(name, marks=pytest.mark.slow) for name in FILES if name not in quick]
    return pytest.mark.parametrize("samples", [*quick, *slow], indirect=True)


@pytest.fixture
def samples(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> list[dict[str, Any]]:
    """A working folder as the spec's examples expect it; the samples in data/train.jsonl."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    records = FILES[request.param]()
    for folder in ("data", "tokenizer", "checkpoints"):
        (tmp_path / folder).mkdir()
    write_jsonl(tmp_path / "data/train.jsonl", records)
    TRMTokenizer.train("data/train.jsonl", "tokenizer/trm", vocab_size=450)
    torch.manual_seed(0)
    return records


def filled(record: dict[str, Any]) -> list[float]:
    return [float(bool(value)) for value in record["slots"].values()]


def tool_names(records: list[dict[str, Any]]) -> list[str]:
    seen = {tool["function"]["name"]: None for record in records for tool in record["tools"]}
    return list(seen)


# --- the steps ----------------------------------------------------------------------------------


def test_step_1_is_read(tmp_path: Path) -> None:
    line = json.dumps(SAMPLE)
    assert write_jsonl(tmp_path / "one.jsonl", [SAMPLE]).read_text() == line + "\n"
    assert len(json.loads(line)["slots"]) == 6


@of("spec", "sgd")
def test_the_steps_from_text_to_inference(samples: list[dict[str, Any]]) -> None:
    names: dict[str, Any] = {"torch": torch, "nn": nn}

    run(STEP_2, names)
    encoded, tokenizer = names["encoded"], names["tokenizer"]
    assert set(encoded) == {"input_ids", "role_ids", "attention_mask"}
    ids, roles, mask = (encoded[name] for name in ("input_ids", "role_ids", "attention_mask"))
    assert isinstance(ids, list)
    assert len(ids) == len(roles) == len(mask)
    assert set(mask) == {1}
    assert (ids[0], ids[1], ids[-1]) == (BOS_ID, marker_id("system"), EOS_ID) == (2, 5, 3)
    user = ids.index(marker_id("user"))
    assert roles == [0] + [ROLE_IDS["system"]] * (user - 1) + [0] * (len(ids) - user)
    assert tokenizer.decode(ids[user:]) == "Check info for 0901234567"

    run(STEP_3, names)
    sample, dataset = names["sample"], names["dataset"]
    tools, slots = tool_names(samples), list(samples[0]["slots"])
    assert dataset.tool_name_to_id == {name: index for index, name in enumerate(tools)}
    length = len(sample["input_ids"])
    for name in ("input_ids", "attention_mask", "role_ids"):
        assert sample[name].shape == (length,)
        assert sample[name].dtype == torch.int64
    assert sample["input_ids"][0] == BOS_ID
    assert sample["input_ids"][-1] == EOS_ID
    assert sample["decision_label"].shape == sample["tool_name_label"].shape == ()
    assert sample["decision_label"] == float(samples[0]["decision"] == "tool_call")
    assert sample["slot_presence_labels"].tolist() == filled(samples[0])
    if tools[0] == "get_customer_info" and len(tools) == 3:  # the spec's own sample
        assert sample["input_ids"].tolist() == ids
        assert sample["decision_label"].item() == 1.0
        assert sample["tool_name_label"].item() == 0
        present = sample["slot_presence_labels"].bool().tolist()
        assert [slot for slot, is_filled in zip(slots, present, strict=True) if is_filled] == [
            "phone",
            "intent_of_user",
        ]

    run(STEP_4, names)
    batch = names["batch"]
    longest = max(len(dataset[index]["input_ids"]) for index in range(4))
    for name in ("input_ids", "attention_mask", "role_ids"):
        assert batch[name].shape == (4, longest)
        assert (batch[name][batch["attention_mask"] == 0] == 0).all()
    assert (batch["attention_mask"] == 0).any()
    assert batch["decision_labels"].dtype == batch["slot_presence_labels"].dtype == torch.float32
    assert batch["tool_name_labels"].dtype == torch.int64
    called = [record["decision"] == "tool_call" for record in samples[:4]]
    assert batch["decision_labels"].tolist() == [float(each) for each in called]
    assert batch["tool_name_labels"].tolist() == [
        tools.index(record["tool"]["name"]) if is_call else -1
        for record, is_call in zip(samples[:4], called, strict=True)
    ]
    assert batch["slot_presence_labels"].tolist() == [filled(record) for record in samples[:4]]

    sizes = {
        "hidden_size=512": "hidden_size=32",
        "n_latent_recursion=6": "n_latent_recursion=1",
        "T_deep_recursion=3": "T_deep_recursion=2",
        "num_tools=3": f"num_tools={len(tools)}",
        "num_slots=6": f"num_slots={len(slots)}",
    }
    run(STEP_5, names, **sizes)
    outputs, model = names["all_outputs"], names["model"]
    assert len(outputs) == 16
    check_output(outputs[0], longest, len(tools), len(slots))
    check_output(outputs[-1], longest, len(tools), len(slots))

    run(STEP_6, names)
    check_losses(names["losses"])

    names |= {"AdamW": torch.optim.AdamW, "warmup_steps": 2000}
    run(OPTIMIZER + SCHEDULE, names)
    names["scheduler"] = torch.optim.lr_scheduler.LambdaLR(names["optimizer"], names["lr_lambda"])
    exec("from trm_engine.models.ema import EMA\nema = EMA(model, decay=0.999)", names)
    run(STEP_7, names)
    assert all(weight.grad is None for weight in model.parameters())
    assert names["ema"].updates == 1

    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    run(STEP_8, names)
    check_output(names["output"], longest, len(tools), len(slots))
    assert names["decisions"].shape == (4, 1)
    assert set(names["decisions"].flatten().tolist()) <= {0, 1}
    assert names["tool_ids"].shape == (4,)
    assert names["slot_presence"].shape == (4, len(slots))
    assert names["slot_presence"].dtype == torch.bool
    assert all(torch.equal(before[name], weight) for name, weight in model.state_dict().items())


def check_output(output: Any, length: int, tools: int, slots: int) -> None:
    shapes = {
        "decision_logits": (4, 1),
        "tool_logits": (4, tools),
        "arg_start_logits": (4, length, 10),
        "arg_end_logits": (4, length, 10),
        "slot_start_logits": (4, length, slots),
        "slot_end_logits": (4, length, slots),
        "slot_presence_logits": (4, slots),
        "q_logits": (4, 1),
        "y": (4, length, 32),
        "z": (4, length, 32),
    }
    for name, shape in shapes.items():
        tensor = getattr(output, name)
        assert tensor.shape == shape, name
        assert tensor.isfinite().all(), name


def check_losses(losses: dict[str, torch.Tensor]) -> None:
    assert set(losses) == {"decision_loss", "tool_loss", "slot_loss", "q_loss", "total_loss"}
    assert all(loss.shape == () and loss.isfinite() for loss in losses.values())
    total = (
        1.0 * losses["decision_loss"]
        + 1.0 * losses["tool_loss"]
        + 0.5 * losses["slot_loss"]
        + 0.5 * losses["q_loss"]
    )
    assert torch.allclose(losses["total_loss"], total, atol=1e-6)


@of("spec")
def test_a_checkpoint_is_saved_and_loaded(samples: list[dict[str, Any]]) -> None:
    names = trained(samples)
    names |= {"global_step": 1000, "epoch": 3}
    names["scheduler"] = torch.optim.lr_scheduler.LambdaLR(names["optimizer"], lambda step: 1.0)
    run(SAVE, names)
    weights = {name: value.clone() for name, value in names["model"].state_dict().items()}
    shadow = {name: value.clone() for name, value in names["ema"].shadow.items()}
    with torch.no_grad():
        for weight in [*names["model"].parameters(), *names["ema"].shadow.values()]:
            weight.zero_()
    names |= {"global_step": 0, "epoch": 0}
    run(LOAD, names)
    assert (names["global_step"], names["epoch"]) == (1000, 3)
    assert all(torch.equal(weights[k], v) for k, v in names["model"].state_dict().items())
    assert all(torch.equal(shadow[k], v) for k, v in names["ema"].shadow.items())
    assert names["state"]["config"]["hidden_size"] == 32


@of("spec", "sgd")
def test_the_complete_training_script(
    samples: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    names = trained(samples)
    printed = re.findall(r"Epoch (\d): Loss = (\d+\.\d{4})\n", capsys.readouterr().out)
    assert [epoch for epoch, _ in printed] == ["0", "1"]
    assert float(printed[1][1]) < float(printed[0][1])
    check_losses(names["losses"])
    model, ema = names["model"], names["ema"]
    weights = torch.load("model_ema.pt")
    assert set(weights) == set(model.state_dict())
    for name, average in ema.shadow.items():
        assert torch.equal(weights[name], average)
    ema.restore()
    assert any(not torch.equal(weights[k], v) for k, v in model.state_dict().items())


@of("spec", "sgd")
def test_the_script_warns_of_slots_that_do_not_fit(samples: list[dict[str, Any]]) -> None:
    """With the default of six slots other data is learnt in part, and the script says so."""
    slots = len(samples[0]["slots"])
    names: dict[str, Any] = {}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        run(SCRIPT, names, **SMALLER, **{"TRMConfig(": f"TRMConfig({SIZES}"})
    told = {str(each.message) for each in caught}
    if slots == 6:
        assert told == set()
    else:
        [message] = told
        assert message.startswith(f"the data has {slots} slots, the model 6: only the first 6 are")
    check_losses(names["losses"])


def trained(samples: list[dict[str, Any]]) -> dict[str, Any]:
    """The names that the complete script leaves behind."""
    names: dict[str, Any] = {}
    six = len(samples[0]["slots"]) == 6
    sizes = SIZES if six else f"{SIZES}num_slots={len(samples[0]['slots'])}, "
    run(SCRIPT, names, **SMALLER, **{"TRMConfig(": f"TRMConfig({sizes}"})
    return names
