import json
from typing import Any

import pytest
import typer

from cli.commands.activations import parse_parameter
from tests.support.recorded_runs import Lab

SWISHY = ("define", "swishy", "x*sigmoid(b*x)", "--parameter", "b=1:0.1:10")


def read_facts(printed: str) -> dict[str, Any]:
    return dict(line.split("\t", maxsplit=1) for line in printed.splitlines())


def test_the_catalog_is_listed(lab: Lab):
    rows = [line.split("\t") for line in lab("activations").stdout.splitlines()]
    assert rows[3] == [
        "elu",
        "Exponential Linear Unit",
        "alpha=1.0",
        "-1 to inf",
        "yes",
        "where(x > 0, x, alpha*(exp(x) - 1))",
    ]
    assert json.loads(lab("activations", "--json").stdout.splitlines()[0])["name"] == "sigmoid"


def test_evaluate_prints_exact_numbers(lab: Lab):
    assert lab("evaluate", "elu", "--set", "alpha=0.2", "--", "-1", "0", "1").stdout.splitlines() == [
        "x\tvalue\tderivative",
        "-1.0\t-0.12642411176571153\t0.07357588823428847",
        "0.0\t0.0\t0.2",
        "1.0\t1.0\t1.0",
    ]


def test_evaluate_says_what_is_beyond_a_float(lab: Lab):
    assert lab("evaluate", "selu", "1.75e308").stdout.splitlines()[1].split("\t")[1] == "inf"


def test_define_shows_the_derivative_and_the_properties(lab: Lab):
    result = lab(*SWISHY, "--title", "Swish, as steep as you like")
    assert result.exit_code == 0, result.stderr
    facts = read_facts(result.stdout)
    assert facts["activation"] == "swishy"
    assert facts["title"] == "Swish, as steep as you like"
    assert facts["formula"] == "x*sigmoid(b*x)"
    assert "sigmoid(b*x)" in facts["derivative"]
    assert facts["parameters"] == "b=1.0 (0.1 to 10)"
    assert facts["monotonic"] == "no"


def test_a_defined_activation_is_listed_evaluated_trained_and_swept(lab: Lab):
    assert lab(*SWISHY).exit_code == 0
    listed = [line.split("\t") for line in lab("activations").stdout.splitlines()]
    assert [listed[-1][0], listed[-1][2], listed[-1][5]] == ["swishy", "b=1.0", "x*sigmoid(b*x)"]
    assert lab("evaluate", "swishy", "--set", "b=2", "--", "0").stdout.splitlines()[1] == "0.0\t0.0\t0.5"
    job_id = lab("submit", "--activation", "swishy", "--set", "parameters.b=2").stdout.strip()
    assert read_facts(lab("show", job_id).stdout)["formula"] == "x*sigmoid(b*x)"
    sweep = json.loads(lab("sweep", "--activations", "relu,swishy", "--json").stdout)
    assert sweep["spec"]["activations"] == ["relu", "swishy"]


def test_the_same_definition_again_is_the_same_and_another_is_refused(lab: Lab):
    assert lab(*SWISHY).stdout == lab(*SWISHY).stdout
    refused = lab("define", "swishy", "x*sigmoid(2*x)")
    assert refused.exit_code == 1
    assert "swishy" in refused.stderr
    assert json.loads(lab("activations", "--json").stdout.splitlines()[-1])["formula"] == "x*sigmoid(b*x)"


def test_a_preview_defines_nothing(lab: Lab):
    assert read_facts(lab(*SWISHY, "--preview").stdout)["formula"] == "x*sigmoid(b*x)"
    assert "swishy" not in lab("activations").stdout


def test_a_wrong_formula_is_shown_with_a_caret_under_the_column(lab: Lab):
    for preview in ([], ["--preview"]):
        result = lab("define", "mine", "x + frob(x)", *preview)
        assert result.exit_code == 1
        assert result.stdout == ""
        formula, caret, message = result.stderr.splitlines()
        assert (formula, caret) == ("  x + frob(x)", "      ^")
        assert message.startswith("activation-lab: ")
        assert "frob" in message


def test_a_formula_without_a_value_somewhere_comes_with_a_warning(lab: Lab):
    facts = read_facts(lab("define", "log-unit", "log(x)", "--preview").stdout)
    assert "x" in facts["warning 1"]


def test_a_defined_activation_is_undefined_unless_an_unfinished_job_uses_it(lab: Lab):
    lab(*SWISHY)
    job_id = lab("submit", "--activation", "swishy").stdout.strip()
    assert lab("undefine", "swishy").exit_code == 1
    lab("cancel", job_id)
    assert lab("undefine", "swishy").stdout == "undefined swishy\n"
    assert "swishy" not in lab("activations").stdout
    assert read_facts(lab("show", job_id).stdout)["formula"] == "x*sigmoid(b*x)"


def test_a_parameter_has_bounds_on_both_sides_on_one_or_on_none(lab: Lab):
    given = ("--parameter", "a=1", "--parameter", "b=2:-3:4", "--parameter", "c=0::5")
    answer = json.loads(lab("define", "mine", "a*x + b*tanh(x) + c", *given, "--preview", "--json").stdout)
    found = [(found["name"], found["default"], found["minimum"], found["maximum"]) for found in answer["parameters"]]
    assert found == [("a", 1, None, None), ("b", 2, -3, 4), ("c", 0, None, 5)]


@pytest.mark.parametrize("given", ["b", "b=", "=1", "b=one", "b=1:2:3:4", "b=:1"])
def test_a_parameter_of_another_form_is_refused_by_its_text(given: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(typer.Exit):
        parse_parameter(given)
    message = f"--parameter {given!r} is not of the form NAME=VALUE or NAME=VALUE:MIN:MAX, such as b=1:0.1:10"
    assert capsys.readouterr().err == f"activation-lab: {message}\n"
