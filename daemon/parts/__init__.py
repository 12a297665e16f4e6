"""Where concrete classes meet: the parts of the process, one module a role.

Nothing here decides anything; it says which class stands behind which seam, with which settings.
The commands choose the parts, in flow order: source, examine, enrich, score, alert, broker, health.
"""
