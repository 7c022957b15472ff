"""The key stories of HeMS and HeNB under virtual time once more, with PostgreSQL under them.

Those of other folders run on SQLite in memory; here is what the engines could do differently: rows that are
locked and claimed, partial indexes, subqueries of updates.
"""

from __future__ import annotations

import pytest

from tests.distress import test_hems as distress
from tests.measures import test_playbooks as measures
from tests.remediation import test_emergency as emergency
from tests.remediation import test_safety as safety
from tests.seed import test_5_7_2_2_remote_remediation as ladders

STORIES = (
    emergency.test_a_henb_that_nobody_reaches_is_given_software_and_registers_with_it,
    emergency.test_a_case_that_is_at_work_is_superseded_and_its_alarm_taken_over,
    emergency.test_a_blocked_henb_is_served_only_where_that_is_expected,
    measures.test_a_policy_that_admits_blocked_devices_does_not_speak_for_the_network,
    measures.test_a_block_by_hand_asks_the_network_for_what_the_policy_says,
    distress.test_software_is_reloaded_over_the_second_path,
    distress.test_without_communication_the_managers_are_told_and_decide,
    ladders.test_L39_3_a_last_try_after_the_trigger_may_help,
    safety.test_a_command_sent_by_hand_is_never_held_and_takes_room,
)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__.removeprefix("test_"))
async def test_the_same_story_on_postgresql(story, told_on_postgresql):
    await told_on_postgresql(story)
