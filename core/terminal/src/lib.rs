//! What every command prints and returns: exit codes, tables, errors, logs, signals.
