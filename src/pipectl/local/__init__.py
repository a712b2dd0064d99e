"""The local emulator: MiniStack on this machine, and the parts of AWS that MiniStack lacks.

``lifecycle`` starts and stops it; commands use nothing else. ``server`` is its process: MiniStack behind a ``gateway``,
whose ``fronts`` change answers (``lambda_fronts``, ``stream_front``, ``queue_counts``). Pollers for mappings
(``stream_mapping``, ``queue_mapping``), ``alarms``, ``metrics``, ``function_logs`` and ``request_permissions`` add the
behaviour that MiniStack lacks. Each can be removed when MiniStack has it. ``ministack`` is the only module that uses
MiniStack's private names. ``harshness`` has the options.

Functions run as on Lambda: ``function_programs`` chooses the interpreter (``python_environment``, ``node``) and the
program in it (``workers``), ``function_environment`` the variables. ``function_process`` is the process, and ``faults``
has the errors of functions as Lambda logs and answers them.
"""
