import json

from tests.support.recorded_runs import Lab


def test_the_catalog_is_listed(lab: Lab):
    rows = [line.split("\t") for line in lab("activations").stdout.splitlines()]
    assert rows[3] == ["elu", "Exponential Linear Unit", "alpha=1.0", "-1 to inf", "yes"]
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
