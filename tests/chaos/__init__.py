"""Faults of every kind on real processes, and an auditor that believes none of them."""
