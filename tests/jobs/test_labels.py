from jobs.labels import label_specs
from jobs.spec import JobSpec


def make_specs(*given: dict[str, object]) -> list[JobSpec]:
    return [JobSpec.model_validate({"activation": "relu", **one}) for one in given]


def test_a_label_names_the_fields_that_differ_as_json_does():
    specs = make_specs({"diagnostics": True, "train_samples": None}, {"diagnostics": False, "train_samples": 500})
    assert label_specs(specs) == [
        "relu, train_samples null, diagnostics true",
        "relu, train_samples 500, diagnostics false",
    ]


def test_a_parameter_is_compared_with_those_of_the_same_activation_only():
    assert label_specs(make_specs({}, {"activation": "elu"})) == ["relu", "elu"]
    alphas = [{"activation": "elu", "parameters": {"alpha": alpha}} for alpha in (0.1, 0.3)]
    assert label_specs(make_specs({}, *alphas)) == ["relu", "elu, parameters.alpha 0.1", "elu, parameters.alpha 0.3"]
