"""Remediation: what is done about a security alarm, as policy, cases and playbooks (S1 5.7.2)."""
