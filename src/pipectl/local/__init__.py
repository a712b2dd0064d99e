"""The local emulator: MiniStack on this machine, and the parts of AWS that MiniStack lacks.

``lifecycle`` starts and stops it; commands use nothing else. ``server`` is its process: MiniStack behind a ``gateway``.
Pollers for mappings (``stream_mapping``, ``queue_mapping``), ``alarms``, ``metrics``, ``function_logs`` and
``request_permissions`` add the behaviour that MiniStack lacks. Each can be removed when MiniStack has it. ``ministack``
is the only module that uses MiniStack's private names.
"""
