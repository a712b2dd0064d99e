"""Programs that run a function in a process of its own, as Lambda's runtimes do. They import nothing of pipectl."""
