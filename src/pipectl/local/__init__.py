"""The local emulator: MiniStack on this machine, and what it still lacks for a pipeline of stream, function and queue.

``lifecycle`` starts and stops it and is all that the rest of pipectl needs. ``server`` is the process that it starts;
there ``streams`` (with ``batching``, ``failure_message`` and ``role_calls``), ``request_permissions``,
``lambda_permissions``, ``metrics`` and ``workers`` supply what MiniStack does not have. Each of them can be dropped on
its own once MiniStack does.
"""
