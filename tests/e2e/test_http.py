"""A model behind HTTP: the official clients ask it over real sockets."""

from __future__ import annotations

import json
import random
import re
import shutil
import signal
import stat
import threading
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx2
import jsonschema
import pytest
from typer.testing import CliRunner

from tests.e2e.asked import ASKED, SECRET, malformed
from tests.e2e.load import PATHS
from tests.e2e.servers import PARTS, SECONDS, Served, behind, served, together
from tests.faults.command import trm
from tests.inspected import finished_run
from tests.models import checkpoint_of, fitted_config, small_model
from tests.support import TOOLS, dialogues, rounds, wait_until
from trm_engine import Router
from trm_engine.checkpoints.file import save_atomically
from trm_engine.data.dataset import TRMToolCallingDataset
from trm_tui.cli import app

openai = partial(import_module, "openai")  # slow to import
typesafe = partial(import_module, "typesafe_sdk")  # slow to import

KEY = "sk-of-this-test"
OFFERED: Any = TOOLS


@pytest.fixture(scope="module")
def folder(dataset: TRMToolCallingDataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finished_run(tmp_path_factory.mktemp("runs") / "run", dataset).path


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Served]:
    with served(folder) as server:
        yield server


@pytest.fixture(scope="module")
def client(server: Served) -> Iterator[Any]:
    with openai().OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def router(folder: Path) -> Router:
    return Router.load(folder)


def post(url: str, path: str, value: Any, **headers: str) -> httpx2.Response:
    content = value if isinstance(value, bytes) else json.dumps(value).encode()
    sent = {"content-type": "application/json", **headers}
    return httpx2.post(url + path, content=content, headers=sent, timeout=SECONDS)


# Chat completions ---------------------------------------------------------------------------------


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool["function"]["name"])
def test_a_call_that_fits_the_tools_schema(client: Any, tool: Any) -> None:
    schema = tool["function"]["parameters"]
    choice: Any = {"type": "function", "function": {"name": tool["function"]["name"]}}
    answer = client.chat.completions.create(
        model="any", messages=ASKED, tools=OFFERED, tool_choice=choice
    )
    (said,) = answer.choices
    assert said.finish_reason == "tool_calls"
    assert said.message.content is None
    (call,) = said.message.tool_calls or ()
    assert call.type == "function"
    assert call.function.name == tool["function"]["name"]
    jsonschema.validate(json.loads(call.function.arguments), schema)
    assert answer.usage and answer.usage.prompt_tokens == answer.usage.total_tokens > 0


def test_an_answer_is_an_empty_message(client: Any) -> None:
    for more in ({"tools": OFFERED, "tool_choice": "none"}, {}):
        (said,) = client.chat.completions.create(model="any", messages=ASKED, **more).choices
        assert (said.finish_reason, said.message.content) == ("stop", "")
        assert said.message.tool_calls is None


def test_who_answered_and_how_sure(client: Any, router: Router) -> None:
    raw = client.chat.completions.with_raw_response.create(
        model="any", messages=ASKED, tools=OFFERED
    )
    route = router.route(ASKED, OFFERED)
    assert raw.headers["x-trm-answered-by"] == "router"
    assert raw.headers["x-trm-decision"] == route.decision
    assert float(raw.headers["x-trm-probability"]) == pytest.approx(route.probability, abs=1e-4)
    assert float(raw.headers["x-trm-q"]) == pytest.approx(route.q, abs=1e-4)
    assert raw.parse().choices[0].finish_reason == ("tool_calls" if route.makes_calls else "stop")


def test_a_stream_says_the_same(client: Any) -> None:
    for choice in ("required", "none"):
        given: Any = {"model": "any", "messages": ASKED, "tools": OFFERED, "tool_choice": choice}
        whole = client.chat.completions.create(**given)
        with client.chat.completions.stream(
            **given, stream_options={"include_usage": True}
        ) as stream:
            streamed = stream.get_final_completion()
        assert streamed.usage == whole.usage
        assert streamed.choices[0].finish_reason == whole.choices[0].finish_reason
        assert (streamed.choices[0].message.content or "") == (
            whole.choices[0].message.content or ""
        )
        calls = [
            [
                (call.function.name, call.function.arguments)
                for call in each.message.tool_calls or ()
            ]
            for each in (streamed.choices[0], whole.choices[0])
        ]
        assert calls[0] == calls[1]
        assert bool(calls[0]) == (choice == "required")


async def test_the_asynchronous_client(server: Served) -> None:
    async with openai().AsyncOpenAI(base_url=f"{server.url}/v1", api_key="none") as client:
        given: Any = {"model": "any", "messages": ASKED, "tools": OFFERED}
        parts = [
            part
            async for part in await client.chat.completions.create(
                **given, tool_choice="required", stream=True
            )
        ]
    assert [part.choices[0].finish_reason for part in parts][-1] == "tool_calls"
    assert {part.id for part in parts} == {parts[0].id}


def test_only_allowed_tools_are_called(client: Any) -> None:
    for name in ("find_customer", "change_plan"):
        allowed = [{"type": "function", "function": {"name": name}}]
        choice: Any = {
            "type": "allowed_tools",
            "allowed_tools": {"mode": "required", "tools": allowed},
        }
        answer = client.chat.completions.create(
            model="any", messages=ASKED, tools=OFFERED, tool_choice=choice
        )
        calls = answer.choices[0].message.tool_calls or ()
        assert [call.function.name for call in calls if call.type == "function"] == [name]


def test_a_call_that_cannot_be_made_is_refused(client: Any) -> None:
    schema = {
        "type": "object",
        "properties": {"n": {"type": "integer", "enum": ["x"]}},  # no value fits
        "required": ["n"],
    }
    strange: Any = [{"type": "function", "function": {"name": "other", "parameters": schema}}]
    with pytest.raises(openai().UnprocessableEntityError, match="tool_choice: "):
        client.chat.completions.create(
            model="any", messages=ASKED, tools=strange, tool_choice="required"
        )


# Decisions and System One -------------------------------------------------------------------------


def test_decisions(client: Any, router: Router) -> None:
    route = router.route(ASKED)
    find = route.call_probability * route.tools["find_customer"]
    questions: Any = [
        {"type": "predicate", "name": "tool_call", "instructions": "Is there anything to do?"},
        {"type": "predicate", "instructions": "Find customer"},
        {"type": "predicate", "name": "slot:phone", "instructions": "Is it known?"},
        {
            "type": "choice",
            "instructions": "What is next?",
            "choices": [{"value": "find_customer"}, {"value": "direct_answer"}],
        },
        {
            "type": "choice",
            "name": "name",
            "instructions": "Is it known?",
            "choices": [{"value": True}, {"value": False}],
        },
        {"type": "predicate", "name": "angry", "instructions": "Is the user angry?"},
        {"type": "choice", "instructions": "?", "choices": [{"value": "a"}, {"value": "b"}]},
        {"type": "score", "name": "mood", "instructions": "?", "levels": [{"label": "bad"}]},
    ]
    decision = client.decisions.create(model="any", input=ASKED, questions=questions)
    kinds = [answer.type for answer in decision.answers]
    assert kinds == [*["predicate"] * 3, *["choice"] * 2, *["refusal"] * 3]
    names = [question.get("name") for question in questions]
    assert [answer.name for answer in decision.answers] == names
    chances = [answer.probability for answer in decision.answers if answer.type == "predicate"]
    expected = [route.call_probability, find, route.slot_probabilities["phone"]]
    assert chances == pytest.approx(expected, abs=1e-4)
    following, known = (each for each in decision.answers if each.type == "choice")
    assert sum(each.probability for each in following.probabilities) == pytest.approx(1)
    direct = 1 - route.call_probability
    assert following.probabilities[0].probability == pytest.approx(find / (find + direct), abs=1e-4)
    assert following.confidence == max(each.probability for each in following.probabilities)
    assert isinstance(known.choice, bool)
    assert decision.usage.input_tokens == route.tokens


def test_decisions_about_every_kind_of_input(client: Any, router: Router) -> None:
    questions: Any = [{"type": "predicate", "name": "tool_call", "instructions": ""}]
    call = {"type": "function_call", "call_id": "1", "name": "find_customer", "arguments": "{}"}
    inputs: list[Any] = [
        "12 12",
        [{"role": "user", "content": [{"type": "input_text", "text": "12 12"}]}],
        [{"role": "user", "content": [{"type": "input_json", "data": {"phone": "12 12"}}]}],
        [
            {"role": "user", "content": "12 12"},
            call,
            {"type": "function_call_output", "call_id": "1", "output": "none"},
        ],
    ]
    for given in inputs:
        (answer,) = client.decisions.create(model="x", input=given, questions=questions).answers
        assert answer.type == "predicate"
    text = [{"role": "user", "content": '{"phone":"12 12"}'}]
    (answer,) = client.decisions.create(model="x", input=inputs[2], questions=questions).answers
    assert answer.type == "predicate"
    assert answer.probability == pytest.approx(router.route(text).call_probability, abs=1e-4)
    image: Any = [{"role": "user", "content": [{"type": "input_image", "image_url": "data:,"}]}]
    with pytest.raises(openai().BadRequestError, match="no images"):
        client.decisions.create(model="x", input=image, questions=questions)


def test_system_one(server: Served, router: Router) -> None:
    route = router.route(ASKED)
    with typesafe().TypeSafeClient(base_url=server.url, api_key="none") as client:
        answer = client.system_one(
            {"messages": ASKED},
            {
                "tool_call": typesafe().Noul(instructions="Is there anything to do?"),
                "next": typesafe().Choice(criteria={"find_customer": None, "change_plan": None}),
                "mood": typesafe().Score(criteria=["bad", "good"]),
            },
        )
        assert [each.name for each in client.models.list().models] == ["run"]
        with pytest.raises(typesafe().TypeSafeUnprocessableEntityError, match="field 'role'"):
            client.system_one([{"role": "usr"}], {"tool_call": typesafe().Noul(instructions="?")})
    assert answer.nouls["tool_call"].noul == pytest.approx(route.call_probability, abs=1e-4)
    shares = answer.choices["next"].probabilities
    assert shares == pytest.approx(route.tools, abs=1e-4)
    assert answer.choices["next"].choice == max(shares, key=shares.__getitem__)
    assert "mood" not in answer.answers  # refused
    assert answer.usage.input_tokens == route.tokens


# The native interface and the server's facts ------------------------------------------------------


def test_route_says_everything(server: Served, router: Router) -> None:
    for sample in dialogues(3):
        given = {"messages": sample["history"], "tools": sample["tools"]}
        found = post(server.url, "/v1/route", given).json()
        assert (found.pop("model"), found.pop("call_probability") >= 0) == ("run", True)
        expected = router.route(sample["history"], sample["tools"]).to_dict()
        assert found.keys() == expected.keys()
        for name, value in expected.items():
            if name != "calls":
                assert found[name] == (
                    pytest.approx(value, abs=1e-4) if isinstance(value, float) else found[name]
                )
        assert found["slots"] == expected["slots"]
        assert [call["arguments"] for call in found["calls"]] == [
            call["arguments"] for call in expected["calls"]
        ]


def test_models_health_and_description(server: Served, client: Any) -> None:
    (model,) = client.models.list().data
    assert client.models.retrieve(model.id) == model
    with pytest.raises(openai().NotFoundError):
        client.models.retrieve("other")
    assert httpx2.get(f"{server.url}/healthz").json() == {"status": "ok"}
    described = httpx2.get(f"{server.url}/openapi.json").json()
    for path in PATHS:
        body = described["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        name = body["schema"]["$ref"].rsplit("/", 1)[1]
        assert described["components"]["schemas"][name]["properties"]
    assert "swagger" in httpx2.get(f"{server.url}/docs").text


def test_metrics(server: Served, client: Any) -> None:
    def figure(name: str) -> float:
        text = httpx2.get(f"{server.url}/metrics").text
        found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
        return float(found[1]) if found else 0.0

    names = ('trm_requests_total{interface="chat",status="200"}', "trm_tokens_total", "trm_q_count")
    before = [figure(name) for name in names]
    client.chat.completions.create(model="any", messages=ASKED, tools=OFFERED)
    assert all(figure(name) > old for name, old in zip(names, before, strict=True))


def test_a_server_says_what_it_is(server: Served, router: Router) -> None:
    post(server.url, "/v1/route", {"messages": ASKED})
    found = httpx2.get(f"{server.url}/v1/server").json()
    assert (found["model"], found["tools"]) == ("run", router.tools)
    assert Path(found["checkpoint"]).name == "best.pt"
    assert (found["texts"], found["upstream"]) == (None, None)
    assert sum(found["newest"]["actions"].values()) == pytest.approx(1)
    assert sum(found["newest"]["confidence"]) == pytest.approx(1)


# Texts --------------------------------------------------------------------------------------------


def test_texts_are_kept_only_if_that_is_asked_for(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "texts.jsonl"
    options = ("--log-texts", str(path), "--redact", "An Nguy\\w+", "--keep", "card")
    with behind() as large, served(folder, *options, "--upstream", large.url) as server:
        given = {"model": "m", "messages": ASKED, "tools": TOOLS}
        post(server.url, "/v1/chat/completions", {**given, "tool_choice": "required"})
        post(server.url, "/v1/chat/completions", {**given, "tool_choice": "none"})
        post(server.url, "/v1/route", {"messages": ASKED})
        facts = httpx2.get(f"{server.url}/v1/server").json()
        assert server.stop() == 0
    assert facts["texts"] == str(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    kept = [json.loads(line) for line in path.read_text().splitlines()]
    outcomes = [(each["served"]["interface"], each["served"]["outcome"]) for each in kept]
    assert outcomes[:2] == [("chat", "call"), ("chat", "forward")]
    assert outcomes[2][0] == "route"
    for each in kept:
        assert each["history"][1]["content"] == "It is [phone 1], my name is [redacted 1]."
        assert "0901234567" not in json.dumps(each["served"])
    assert [len(each["tools"]) for each in kept] == [2, 2, 0]
    answered = trm("predict", folder, path, cwd=tmp_path)
    assert len(answered.out.splitlines()) == len(kept)


def test_a_file_of_texts_that_cannot_be_written(folder: Path, tmp_path: Path) -> None:
    for options in (("--log-texts", str(tmp_path)), ("--log-texts", "t", "--redact", "(")):
        with pytest.raises(AssertionError, match="error: --"), served(folder, *options):
            pass


# Security and limits ------------------------------------------------------------------------------


def test_a_server_with_a_key(folder: Path) -> None:
    with served(folder, key=KEY) as server:
        given = {"messages": ASKED}
        for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": KEY}):
            refused = post(server.url, "/v1/route", given, **headers)
            assert refused.status_code == 401
            assert refused.json()["error"]["code"] == "invalid_api_key"
        refused = post(server.url, "/v1/systemone", given)
        assert (refused.status_code, list(refused.json())) == (401, ["detail"])
        assert httpx2.get(f"{server.url}/metrics").status_code == 401
        assert httpx2.get(f"{server.url}/healthz").status_code == 200
        for headers in ({"authorization": f"Bearer {KEY}"}, {"x-api-key": KEY}):
            assert post(server.url, "/v1/route", given, **headers).status_code == 200
        assert server.stop(signal.SIGINT) == 0
        assert KEY not in "".join(server.lines)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "example.com"])
def test_other_machines_need_a_key(host: str, folder: Path) -> None:
    with pytest.raises(AssertionError, match="clients need a key"), served(folder, "--host", host):
        pass


def test_pages_of_the_web_cannot_ask(server: Served) -> None:
    given = {"messages": ASKED}
    rebound = post(server.url, "/v1/route", given, host="attacker.example")
    assert rebound.status_code == 403
    plain = post(server.url, "/v1/route", given, **{"content-type": "text/plain"})
    assert plain.status_code == 415


def test_limits(folder: Path) -> None:
    with served(folder, "--max-body", "2000", "--max-turns", "3", "--max-tools", "2") as server:

        def status(value: Any) -> int:
            return post(server.url, "/v1/route", value).status_code

        assert status({"messages": "x" * 1900}) == 200
        assert status({"messages": "x" * 2000}) == 413
        assert status({"messages": ASKED * 2}) == 400
        assert status({"messages": ASKED, "tools": [*TOOLS, *TOOLS]}) == 400
        chunks = httpx2.post(
            f"{server.url}/v1/route",
            content=(b" " * 500 for _ in range(9)),
            headers={"content-type": "application/json"},
        )
        assert chunks.status_code == 413
        assert status({"messages": ASKED}) == 200


def test_malformed_bodies(server: Served) -> None:
    dice = random.Random(17)
    with httpx2.Client(base_url=server.url, timeout=SECONDS) as client:
        for number in range(rounds(200)):
            path = PATHS[number % len(PATHS)]
            headers = {"content-type": "application/json"}
            answer = client.post(path, content=malformed(dice), headers=headers)
            assert answer.status_code in (200, 400, 422), answer.text
            if answer.status_code != 200:
                said = answer.json()
                form = said["detail"][0] if path == "/v1/systemone" else said["error"]
                assert form["msg" if path == "/v1/systemone" else "message"]
    assert post(server.url, "/v1/route", {"messages": ASKED}).status_code == 200
    printed = "".join(server.lines)
    assert "Traceback" not in printed
    assert SECRET not in printed


# The server behind --------------------------------------------------------------------------------


def test_what_is_no_call_comes_from_behind(folder: Path) -> None:
    with behind() as large, served(folder, "--upstream", large.url) as server:
        given = {"model": "large", "messages": ASKED, "tools": TOOLS, "temperature": 0.5}
        made = post(server.url, "/v1/chat/completions", {**given, "tool_choice": "required"})
        assert made.headers["x-trm-answered-by"] == "router"
        assert large.asked == []
        given["tool_choice"] = "none"
        said = post(server.url, "/v1/chat/completions", given, authorization="Bearer of-client")
        assert said.json()["choices"][0]["message"]["content"] == "Hello from behind."
        assert said.headers["x-trm-answered-by"] == "upstream"
        assert 0 <= float(said.headers["x-trm-q"]) <= 1
        assert said.headers["x-request-id"] == "behind-1"
        headers, body = large.asked[0]
        assert body == given
        assert headers["path"] == "/v1/chat/completions"
        assert headers["authorization"] == "Bearer of-client"
        streamed = post(server.url, "/v1/chat/completions", {**given, "stream": True})
        assert streamed.headers["content-type"] == "text/event-stream"
        assert streamed.content == b"".join(PARTS)
        image = {"type": "image_url", "image_url": {"url": "data:,"}}
        shown = {**given, "messages": [{"role": "user", "content": [image]}]}
        assert post(server.url, "/v1/chat/completions", shown).status_code == 200
        assert large.asked[-1][1] == shown


def test_a_key_is_not_passed_on(folder: Path) -> None:
    given = {"messages": ASKED}
    ours = {"authorization": f"Bearer {KEY}"}
    with behind() as large:
        for key, expected in ((None, None), ("of-large", "Bearer of-large")):
            with served(folder, "--upstream", large.url, key=KEY, upstream_key=key) as server:
                assert post(server.url, "/v1/chat/completions", given, **ours).status_code == 200
            assert large.asked[-1][0].get("authorization") == expected


def test_a_server_behind_that_is_not_there(folder: Path) -> None:
    with behind() as large:
        gone = large.url
    with served(folder, "--upstream", gone) as server:
        answer = post(server.url, "/v1/chat/completions", {"messages": ASKED})
        assert answer.status_code == 502
        assert answer.json()["error"]["code"] == "upstream_error"
    with (
        pytest.raises(AssertionError, match="--upstream: expected an address"),
        served(folder, "--upstream", "nowhere"),
    ):
        pass


# Stopping and reloading ---------------------------------------------------------------------------


def test_stopping_answers_what_was_asked(folder: Path) -> None:
    with behind() as large, served(folder, "--upstream", large.url) as server:
        large.may_answer.clear()
        url = server.url

        def ask() -> int:
            return post(url, "/v1/chat/completions", {"messages": ASKED}).status_code

        def stop() -> int:
            assert large.begun.wait(SECONDS)
            server.process.send_signal(signal.SIGTERM)
            wait_until(lambda: not accepts(url), SECONDS)
            large.may_answer.set()
            return server.process.wait(SECONDS)

        assert together(ask, stop) == [200, 0]
    assert "stopped" in server.lines[-1]


def accepts(url: str) -> bool:
    """Whether a server takes new connections."""
    with suppress(httpx2.HTTPError):
        return httpx2.get(f"{url}/healthz").status_code == 200
    return False


def test_a_new_checkpoint_is_loaded_while_requests_are_answered(
    folder: Path, dataset: TRMToolCallingDataset, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(folder, run)
    best = run / "checkpoints" / "best.pt"
    done = threading.Event()
    statuses: list[int] = []

    def ask() -> None:
        with httpx2.Client(base_url=server.url, timeout=SECONDS) as client:
            while not done.is_set():
                headers = {"content-type": "application/json"}
                answer = client.post("/v1/route", content=asked, headers=headers)
                statuses.append(answer.status_code)

    def change() -> None:
        try:
            for seed in range(2):
                model = small_model(fitted_config(dataset), seed=seed)
                save_atomically(checkpoint_of(model, dataset), best)
                wait_until(lambda: said("reloaded") == seed + 1, SECONDS)  # noqa: B023
            best.write_bytes(b"half a checkpoint")
            wait_until(lambda: said("not reloaded") == 1, SECONDS)
            server.process.send_signal(signal.SIGHUP)
            wait_until(lambda: said("not reloaded") == 2, SECONDS)
        finally:
            done.set()

    def said(begin: str) -> int:
        return sum(line.startswith(begin) for line in server.lines)

    asked = json.dumps({"messages": ASKED}).encode()
    with served(run) as server:
        together(ask, ask, ask, change)
        assert said("not reloaded") == 2
        assert set(statuses) == {200}
        assert len(statuses) > 3
        assert server.stop() == 0


# The command --------------------------------------------------------------------------------------


def test_the_command_refuses_what_cannot_be_served(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["serve", str(tmp_path / "none")])
    assert result.exit_code == 2
    assert "no such file" in result.output


def test_help_shows_examples() -> None:
    result = CliRunner().invoke(app, ["serve", "--help"])
    assert result.exit_code == 0
    assert "trm-tui serve outputs/first" in result.output
