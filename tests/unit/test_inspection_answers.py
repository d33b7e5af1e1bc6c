"""What is told of a conversation and of a file of samples is what predict and eval print."""

from __future__ import annotations

import json
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec import convert, to_builtins

from tests.inspected import STEPS, VALIDATION, Listener, finished_run
from tests.support import TOOLS, dialogues, write_jsonl
from trm_engine.checkpoints.file import load_checkpoint, save_atomically
from trm_engine.data.dataset import TRMToolCallingDataset
from trm_engine.data.samples import parse_conversation
from trm_engine.data.values import same_value
from trm_engine.errors import DataError, UserError
from trm_engine.inference.predictor import Predictor
from trm_engine.inspection import occlusion
from trm_engine.inspection.evaluation import evaluate
from trm_engine.inspection.files import ModelFiles
from trm_engine.inspection.job import Cancelled
from trm_engine.inspection.occlusion import occlude
from trm_engine.inspection.prediction import predict
from trm_engine.inspection.tokens import read_conversation, tokenize
from trm_engine.runs.folder import RunFolder
from trm_engine.runs.schema.answers import Answer, Place
from trm_engine.training.evaluate import evaluate as evaluate_dataset
from trm_engine.training.metrics import THRESHOLDS

sklearn = partial(import_module, "sklearn.metrics")  # slow to import

SAMPLES = dialogues(2)


@pytest.fixture(scope="module")
def run(dataset: TRMToolCallingDataset, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return finished_run(tmp_path_factory.mktemp("runs") / "run", dataset)


@pytest.fixture(scope="module")
def files() -> ModelFiles:
    return ModelFiles("cpu")


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "token-cache"))


def asked(files: ModelFiles, run: RunFolder, record: dict[str, Any], **more: Any) -> Answer:
    found = predict(files, Listener(), str(run.path), record, **more)
    assert convert(json.loads(json.dumps(to_builtins(found))), Answer) == found
    return found


def texts_of(record: dict[str, Any]) -> list[str]:
    return [turn.text() for turn in read_conversation(record).history]


def at(texts: list[str], place: Place | None) -> str:
    assert place
    return texts[place.turn][place.begin : place.end]


# --- predict --------------------------------------------------------------------------------------


@pytest.mark.parametrize("raw", [False, True])
def test_every_step_is_what_predict_prints(files: ModelFiles, run: RunFolder, raw: bool) -> None:
    predictor = Predictor.load(run.path / "checkpoints" / "best.pt", "cpu", raw)
    for record in SAMPLES:
        conversation = parse_conversation(json.dumps(record).encode())
        found = asked(files, run, record, raw=raw)
        assert [each.prediction.steps_used for each in found.steps] == [1, 2, 3, 4]
        for number, step in enumerate(found.steps, 1):
            [expected] = predictor.predict([conversation], steps=number)
            assert step.prediction == expected.printed()
            assert to_builtins(step.prediction) == expected.to_dict()
            ranked = {each.name: each.probability for each in step.tools}
            assert ranked == pytest.approx(expected.tool_probabilities, abs=1e-6)
            presences = {each.name: each.presence for each in step.slots}
            assert presences == pytest.approx(expected.slot_probabilities, abs=1e-6)
        assert len(asked(files, run, record, raw=raw, steps=2).steps) == 2


def test_values_stand_where_their_spans_say(files: ModelFiles, run: RunFolder) -> None:
    calls = 0
    for record in SAMPLES:
        texts = texts_of(record)
        for step in asked(files, run, record, tool="change_plan").steps:
            assert "change_plan" in step.arguments
            best = max(step.tools, key=lambda each: each.probability).name
            assert set(step.arguments) == {best, "change_plan"}
            values = [*step.slots, *(v for each in step.arguments.values() for v in each)]
            for value in values:
                if value.name == "plan":
                    assert value.choice in (0, 1)
                    assert value.span is None or " " not in at(texts, value.span)
                else:
                    assert value.choice is None
                    assert (value.span is None) == (value.value == "")  # it stands nowhere
                    assert value.span is None or same_value(at(texts, value.span), value.value)
            said = step.prediction
            present = {v.name: v.value for v in step.slots if v.presence > 0.5}
            assert {name: text for name, text in said.slots.items() if text} == present
            if said.tool:
                calls += 1
                assert said.tool.name == best
                names = {v.name for v in step.arguments[best] if v.presence > 0.5 and v.value}
                assert said.tool.arguments.keys() == names
    assert calls


def test_the_step_at_which_it_halts(files: ModelFiles, run: RunFolder) -> None:
    predictor = files.open(run.path).predictor()
    seen = set()
    for record in SAMPLES:
        conversation = parse_conversation(json.dumps(record).encode())
        for threshold in (0.0, 0.3, 0.5, 0.7, 1.0):
            found = asked(files, run, record, halt_threshold=threshold)
            [expected] = predictor.predict([conversation], halt_threshold=threshold)
            assert (found.halts_at or STEPS) == expected.steps_used
            assert found.halt_threshold == threshold
            seen.add(found.halts_at)
    assert len(seen) > 1
    assert asked(files, run, SAMPLES[0]).halt_threshold == predictor.config.halt_threshold


def test_the_tools_on_offer_are_ranked_new_ones_too(files: ModelFiles, run: RunFolder) -> None:
    new = json.loads(json.dumps(TOOLS[0]).replace("find_customer", "something_new"))
    record = {**SAMPLES[0], "tools": [TOOLS[1], new]}
    found = asked(files, run, record)
    assert found.new_tools == ["something_new"]
    for step in found.steps:
        assert {each.name for each in step.tools} == {"change_plan", "something_new"}
        probabilities = [each.probability for each in step.tools]
        assert probabilities == sorted(probabilities, reverse=True)
        assert sum(probabilities) == pytest.approx(1)
    for step in asked(files, run, {"history": record["history"]}).steps:
        probabilities = [each.probability for each in step.tools]
        assert probabilities == sorted(probabilities, reverse=True)
    alone = asked(files, run, {**record, "tools": [new]})
    assert alone.steps[0].arguments.keys() == {"something_new"}


def test_the_truth_stands_where_its_spans_say(files: ModelFiles, run: RunFolder) -> None:
    for record in SAMPLES:
        texts, truth = texts_of(record), asked(files, run, record).truth
        assert truth
        assert truth.decision == record["decision"]
        assert truth.tool == record["tool"].get("name")
        filled = {name: text for name, text in record["slots"].items() if text}
        assert {each.name: each.value for each in truth.slots} == filled
        arguments = record["tool"].get("arguments", {})
        assert {each.name for each in truth.arguments} == arguments.keys()
        for each in truth.slots + truth.arguments:
            if each.name == "plan":
                assert (each.spans, each.choice) != ([], None)
                continue
            assert each.spans
            for span in each.spans:
                assert at(texts, span) == each.value
    assert asked(files, run, {"history": SAMPLES[0]["history"]}).truth is None


def test_tokens_are_told_as_tokenize_tells_them(files: ModelFiles, run: RunFolder) -> None:
    found = asked(files, run, SAMPLES[2])
    told = tokenize(files, Listener(), str(run.path), conversation=SAMPLES[2])
    assert found.tokenization == told
    assert told.unseen == []
    assert told.dropped_tokens == 0
    text = tokenize(files, Listener(), str(run.path), text="hello 12").tokens
    encoded = files.open(run.path).tokenizer.encode("hello 12")
    assert text.ids == encoded
    assert min(text.begins) == 0
    assert max(text.ends) == len("hello 12")


def test_a_question_about_no_tool_or_no_conversation(files: ModelFiles, run: RunFolder) -> None:
    with pytest.raises(UserError, match=r"no tool 'chage_plan' \(did you mean 'change_plan'"):
        asked(files, run, SAMPLES[0], tool="chage_plan")
    with pytest.raises(DataError, match="history: missing"):
        asked(files, run, {"turns": []})


def test_a_prediction_can_be_given_up_between_steps(files: ModelFiles, run: RunFolder) -> None:
    with pytest.raises(Cancelled):
        predict(files, Listener(checks=2), str(run.path), SAMPLES[0])


def test_bare_weights_answer_as_their_checkpoint(files: ModelFiles, run: RunFolder) -> None:
    for path, raw in ((run.model_ema, False), (run.model, True)):
        bare = predict(files, Listener(), str(path), SAMPLES[1])
        whole = asked(files, run, SAMPLES[1], raw=raw)
        assert bare.steps == whole.steps


# --- occlude --------------------------------------------------------------------------------------


@pytest.mark.parametrize("tokens", [1, 10_000])
def test_leaving_turns_out_is_predicting_without_them(
    files: ModelFiles, run: RunFolder, monkeypatch: pytest.MonkeyPatch, tokens: int
) -> None:
    monkeypatch.setattr(occlusion, "BATCH_TOKENS", tokens)
    record, job = SAMPLES[5], Listener()
    found = occlude(files, job, str(run.path), record)
    parts = [answer for part in job.parts for answer in part.get("answers", ())]
    assert [part["words"] for part in job.parts if "words" in part] == [found.words]
    assert parts == [found.base, *found.turns]
    assert [each.turn for each in found.turns] == list(range(len(record["history"])))
    assert job.told[-1][1] == 1
    for each in parts:
        history = [t for place, t in enumerate(record["history"]) if place != each.turn]
        last = asked(files, run, {**record, "history": history}).steps[-1]
        assert each.prediction.decision_probability == pytest.approx(
            last.prediction.decision_probability, abs=1e-4
        )
        assert each.prediction.decision == last.prediction.decision
        assert each.tool == last.tools[0].name
        assert each.tool_probability == pytest.approx(last.tools[0].probability, abs=1e-4)


def test_the_only_turn_cannot_be_left_out(files: ModelFiles, run: RunFolder) -> None:
    record = {"history": [{"role": "user", "content": "hello"}]}
    found = occlude(files, Listener(), str(run.path), record)
    assert found.turns == []
    assert found.base.turn is None


def test_leaving_turns_out_can_be_given_up(files: ModelFiles, run: RunFolder) -> None:
    job = Listener(checks=7)
    with pytest.raises(Cancelled):
        occlude(files, job, str(run.path), SAMPLES[5])
    assert [[*part] for part in job.parts] == [["answers"], ["words"]]


# --- evaluate -------------------------------------------------------------------------------------


def test_figures_are_those_of_eval_and_of_the_predictions(
    files: ModelFiles, run: RunFolder, dataset: TRMToolCallingDataset
) -> None:
    job = Listener()
    found = to_builtins(evaluate(files, job, str(run.path), batch_size=5, halt_threshold=0.5))
    json.dumps(found)
    predictor = Predictor.load(run.path / "checkpoints" / "best.pt", "cpu")
    metrics = evaluate_dataset(
        predictor.model, dataset.subset(range(VALIDATION)), 5, halt_threshold=0.5
    )
    assert found["metrics"] == to_builtins(metrics)
    assert found["data"] == str(run.validation)

    lines = run.validation.read_bytes().splitlines()
    answers = [predictor.predict([parse_conversation(line)])[0] for line in lines]
    truth = [json.loads(line)["decision"] == "tool_call" for line in lines]
    predicted = [answer.decision == "tool_call" for answer in answers]
    decision = found["metrics"]["decision"]
    assert decision["accuracy"] == sklearn().accuracy_score(truth, predicted)
    assert decision["f1"] == pytest.approx(sklearn().f1_score(truth, predicted))

    records = [to_builtins(record) for part in job.parts for record in part["samples"]]
    sizes = [len(part["samples"]) for part in job.parts]
    assert len(sizes) > 2
    assert max(sizes) <= 5
    assert sorted(record["line"] for record in records) == list(range(1, VALIDATION + 1))
    for record in records:
        line, answer = json.loads(lines[record["line"] - 1]), answers[record["line"] - 1]
        assert record["decision"] == line["decision"]
        assert record["predicted_decision"] == answer.decision
        assert record["text"] == texts_of(line)[-1]
        assert record["decision_probability"][-1] == pytest.approx(
            answer.decision_probability, abs=2e-4
        )
    exact = np.mean([record["exact"][-1] for record in records])
    assert found["metrics"]["exact_match"] == exact

    curve = found["halting_curve"]
    assert [point["threshold"] for point in curve] == list(THRESHOLDS)
    assert found["metrics"]["halting"] in curve
    assert found["cheapest_halting"] in curve
    shares = [share for what, share in job.told if what == "evaluating"]
    assert shares == pytest.approx([0, *np.cumsum(sizes) / VALIDATION])


def test_an_evaluation_of_another_file_with_other_weights_and_steps(
    files: ModelFiles, run: RunFolder, tmp_path: Path
) -> None:
    path = write_jsonl(tmp_path / "few.jsonl", SAMPLES[:4])
    whole = evaluate(files, Listener(), str(run.path), data=str(path), raw=True)
    assert whole.metrics.samples == 4
    assert whole.data == str(path)
    short = evaluate(files, Listener(), str(run.path), data=str(path), raw=True, steps=2)
    assert len(short.metrics.by_step) == 2
    headline = ("decision_accuracy", "exact_match", "q")
    for one, other in zip(short.metrics.by_step, whole.metrics.by_step, strict=False):
        assert [getattr(one, name) for name in headline] == [
            getattr(other, name) for name in headline
        ]


def test_an_evaluation_can_be_given_up_between_steps(files: ModelFiles, run: RunFolder) -> None:
    evaluate(files, Listener(), str(run.path), batch_size=4)  # the tokens are in the cache
    evaluate(files, every := Listener(10**6), str(run.path), batch_size=4)
    checks = 10**6 - every.left
    assert checks > 3 * STEPS
    for left in range(0, checks, 3):
        job = Listener(checks=left)
        with pytest.raises(Cancelled):
            evaluate(files, job, str(run.path), batch_size=4)
        assert not files.open(run.path).predictor().model.training


def test_without_samples_one_is_asked_to_name_some(
    files: ModelFiles, run: RunFolder, tmp_path: Path
) -> None:
    alone = tmp_path / "alone.pt"
    save_atomically(load_checkpoint(run.path / "checkpoints" / "best.pt"), alone)
    with pytest.raises(DataError, match="no validation samples found; name a file"):
        evaluate(files, Listener(), str(alone))
    with pytest.raises(DataError, match="no such file"):
        evaluate(files, Listener(), str(run.path), data=str(tmp_path / "none.jsonl"))


def test_bad_lines_do_in_an_evaluation_what_they_did_in_the_run(
    files: ModelFiles, run: RunFolder, tmp_path: Path
) -> None:
    path = write_jsonl(tmp_path / "some.jsonl", [*SAMPLES[:3], b"{broken"])
    with pytest.raises(DataError, match="line 4: broken JSON"):
        evaluate(files, Listener(), str(run.path), data=str(path))
    state = load_checkpoint(run.path / "checkpoints" / "best.pt")
    state["config"]["data"].update(val_data=str(path), on_error="skip")
    save_atomically(state, tmp_path / "skipping.pt")
    found = evaluate(files, Listener(), str(tmp_path / "skipping.pt"))
    assert found.metrics.samples == 3
