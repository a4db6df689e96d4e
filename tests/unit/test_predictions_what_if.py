"""What what-if questions start from: read through the scope, and kept for the published batch alone."""

from dataclasses import replace

from spm_ml.predictions import PredictionStore, Scope, WhatIfInputs
from tests.prediction_world import NORTH, SOUTH, make_world


def test_starts_are_read_through_the_scope_and_go_with_their_batch(store_target: str) -> None:
    world = make_world(weeks=1)
    everybody = WhatIfInputs('{"model":1}', {person.rep_id: f'"{person.rep_id}"' for person in world.people})
    with PredictionStore.open(store_target) as store:
        for number in range(3):
            batch = replace(world.batch, batch_id=f"b-{number}")
            store.publish(
                batch,
                world.predictions,
                world.teams,
                (),
                world.model_card,
                people=world.people,
                what_if=everybody if number < 2 else WhatIfInputs(),
            )
            with store.read(Scope("manager", NORTH)) as reader:
                assert reader.what_if("r-101") == (('"r-101"',) if number < 2 else (None,))
                assert reader.what_if("r-201") is None
                assert reader.what_if("r-999") is None
        with store.read(Scope("hr")) as reader:
            assert reader.what_if("r-101") is None
        with store.read(Scope("manager", SOUTH)) as reader:
            assert reader.what_if("r-201") == (None,)
        models = [store.what_if_model(f"b-{number}") for number in range(3)]
        assert models == ["null", '{"model":1}', "null"], "that of the batch before the last goes with the next"
