"""What the product promises, sentence by sentence, and the tests that show each of them.

`HERE` is in the order of the model pages, then of what none of them has. What is not there yet
stands in `LATER` with the words by which docs/known-issues.md tells operators.
"""

from typing import Final

HERE: Final[dict[str, tuple[str, ...]]] = {
    # Terms
    "Every address with at least one bounce is on the first list, whatever came of it": (
        "test_bounced_is_every_address_with_at_least_one_bounce_whatever_came_of_it",
    ),
    "What blames the sender is a bounce, and none of the hard ones": (
        "test_what_blames_the_sender_is_a_bounce_but_none_of_the_hard_ones",
    ),
    "The scope of a lock is shown wherever the lock is, and exported with it": (
        "test_scope_travels_with_the_lock_through_every_list_export_import_and_interface",
    ),
    "A provider is known by the domain or by its mail exchanger": (
        "test_provider_is_known_by_domain_or_by_mx",
    ),
    # Locking
    "A hard bounce locks at the first for a year": (
        "test_hard_bounce_locks_at_the_1st_delivery_attempt_for_1_year",
    ),
    "A soft bounce locks at the third for a month": (
        "test_soft_bounce_locks_at_the_3rd_for_1_month",
    ),
    "When the time is up, the address is free by itself": (
        "test_when_the_time_is_up_the_address_is_free_again_by_itself",
    ),
    "The overview shows type, reason and the day of the end": (
        "test_overview_shows_type_reason_and_the_day_it_is_freed",
        "test_address_has_a_page_that_says_why_until_when_and_what_frees_it",
    ),
    "How many failures lock depends on kind and provider": (
        "test_how_many_failures_lock_depends_on_kind_and_provider",
    ),
    "Soft bounces count in a row, and a delivery starts the count anew": (
        "test_soft_bounces_count_in_a_row_and_a_delivery_in_between_starts_the_count_anew",
    ),
    "Below the threshold the next mailing tries again": (
        "test_below_the_threshold_the_next_mailing_simply_tries_again",
    ),
    "Locked addresses are kept, so that an import cannot mail them by accident": (
        "test_locked_addresses_are_kept_so_that_a_new_import_cannot_mail_them_again_by_accident",
    ),
    "One index for all senders: predicted, detected and locked are three lists": (
        "test_index_is_global_and_predicted_detected_and_locked_are_three_lists",
    ),
    "A lock says whether bounces or a person made it": (
        "test_lock_says_whether_it_was_automatic_or_made_by_hand",
    ),
    "What can never be delivered is found before it is mailed, and listed apart": (
        "test_addresses_with_bad_syntax_are_found_before_they_are_mailed",
        "test_addresses_that_can_never_be_delivered_are_listed_apart_from_bounces",
    ),
    "Who was not mailed for three months is reported, and can be refused": (
        "test_addresses_not_mailed_for_three_months_or_more_are_reported",
        "test_addresses_not_mailed_for_three_months_can_be_refused",
    ),
    # Unlocking
    "Soft locks are lifted at once, one or all, after a confirmation": (
        "test_soft_locks_can_be_lifted_at_once_one_or_all",
        "test_soft_locks_are_lifted_after_a_confirmation",
        "test_soft_lock_is_lifted_on_the_page_after_a_confirmation",
    ),
    "Who asked for it gets a mail when it is done": (
        "test_who_asked_for_an_unlock_gets_a_mail_when_it_is_done",
    ),
    "Hard locks stay unless the config says otherwise, and can be taken off a list": (
        "test_hard_locks_cannot_be_lifted_unless_the_operators_config_says_so",
        "test_hard_lock_is_not_lifted_on_the_page_by_who_may_lift_soft_ones",
        "test_hard_ones_can_be_taken_off_a_list",
    ),
    "A correction frees the corrected address and starts its statistics anew": (
        "test_correction_of_the_address_frees_the_corrected_one_and_starts_its_statistics_anew",
    ),
    "Many are corrected by an export with ids, a spreadsheet and an import": (
        "test_many_are_corrected_at_once_by_export_with_an_id_spreadsheet_and_import_by_that_id",
    ),
    "A reaction frees a soft lock and resets its statistics": (
        "test_reaction_of_the_recipient_frees_a_soft_lock_and_resets_its_statistics",
    ),
    "Any proof of life counts as one, and so does authenticated mail": (
        "test_any_proof_of_life_that_an_operators_system_reports_frees",
        "test_mail_that_arrives_from_the_address_and_passed_authentication_frees_a_soft_lock",
    ),
    # Classification
    "Each example falls where its service puts it": (
        "test_example_falls_where_its_service_puts_it",
    ),
    "A mailbox over its size counts against the recipient": (
        "test_full_mailbox_counts_against_the_recipient",
    ),
    "The soft reasons are told apart, each with what to do about it": (
        "test_soft_reasons_of_the_last_service_are_told_apart_with_what_to_do_about_each",
    ),
    # Reporting
    "Of a mailing: who bounced, counts by kind, CSV, and the messages themselves": (
        "test_per_mailing_which_addresses_bounced",
        "test_per_mailing_counts_by_kind",
        "test_per_mailing_csv",
        "test_per_mailing_the_bounce_messages_themselves_for_export",
        "test_per_mailing_bounces_csv_and_messages_are_a_click_away",
    ),
    "Of a group, across mailings: the addresses, filtered, as CSV": (
        "test_per_group_across_mailings_the_bounced_addresses_filtered_csv",
        "test_per_group_the_bounced_addresses_are_a_click_away",
    ),
    "The two counts differ: events of a mailing, addresses of a group": (
        "test_two_counts_differ_one_counts_a_mailings_events_the_other_a_groups_addresses",
    ),
    "Bounce rate and hard share of a sender are seen early, with advice": (
        "test_bounce_rate_of_a_sender_and_its_hard_share_are_seen_early_with_advice",
    ),
    "A start page shows the numbers of all this, and leads to lists": (
        "test_start_page_has_the_numbers_of_all_this_at_a_glance",
        "test_start_page_data_quality_leads_to_the_list_behind_each_number",
    ),
    "Lists have tabs, filters and buttons": (
        "test_lists_have_tabs_filters_and_buttons",
        "test_filter_of_a_list_leaves_what_was_asked_for",
    ),
    # What none of the models has
    "The refusal is in the SMTP dialogue, with reason and day": (
        "test_refusal_happens_in_the_smtp_dialogue_with_the_reason_and_the_day_the_lock_ends",
    ),
    "No forged DSN locks an address": (
        "test_no_forged_dsn_can_lock_an_address",
        "test_signed_return_paths_and_a_ledger_of_what_was_really_sent_prove_a_bounce",
    ),
    "One bounce hurts no other recipient, and counts for the address that was mailed": (
        "test_one_bounce_never_hurts_the_other_recipients_of_the_same_message",
        "test_forwarded_addresss_bounce_counts_for_the_address_that_we_mailed",
    ),
    "When a provider breaks, locking for it stops, and is rolled back exactly": (
        "test_when_a_provider_calls_every_mailbox_unknown_locking_for_it_stops_by_itself",
        "test_what_an_outage_locked_can_be_rolled_back_exactly",
    ),
    "What indicts the sender locks nobody, and raises an alarm that says what to fix": (
        "test_failures_that_indict_the_sender_never_lock_a_recipient",
        "test_failures_that_indict_the_sender_raise_an_alarm_that_says_what_to_fix",
    ),
    "Our own refusals never come back as evidence": (
        "test_our_own_refusals_never_come_back_as_evidence",
    ),
    "Of every address: each event, the rule, and why it did or did not lock": (
        "test_explain_tells_each_event_of_an_address_the_rule_and_why_it_did_or_did_not_lock",
    ),
    "Observe before enforcing, and replay a change over what was": (
        "test_observe_before_enforce",
        "test_policy_change_can_be_replayed_over_past_events_to_see_what_it_would_do",
    ),
    "Local submission, aliases and queued mail are covered too": (
        "test_local_submission_is_covered_too",
        "test_alias_expansion_is_covered_too",
        "test_queued_mail_is_covered_too",
    ),
    "Applications ask and act over HTTP, and learn what happens": (
        "test_applications_ask_over_http_whom_they_may_mail",
        "test_applications_act_over_http",
        "test_applications_learn_of_every_lock_and_unlock_as_it_happens",
        "test_applications_learn_of_every_bounce_and_complaint",
    ),
    "A refused recipient is on record": ("test_refused_recipient_is_on_record",),
    "Several machines share one index": ("test_several_machines_share_one_index",),
    # Ten jobs of one command each
    "Ten common jobs of an operator take one command each": (
        "test_who_is_locked",
        "test_why_this_one_is_locked",
        "test_free_one",
        "test_free_all_soft_ones_of_a_provider_with_a_mail",
        "test_soft_bounces_as_csv",
        "test_clean_a_list",
        "test_how_the_last_mailing_did",
        "test_how_many_of_what",
        "test_bring_in_the_suppression_list_of_an_email_service",
        "test_end_the_incident_of_a_provider",
    ),
}

LATER: Final[dict[str, str]] = {
    "A purge reaches what machines share": "A purge leaves sealed entries in the shared log",
}
"""What is promised and not there, and how docs/known-issues.md begins to say so."""
