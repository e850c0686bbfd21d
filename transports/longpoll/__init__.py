"""The long-poll transport, as phoenix.js speaks it."""
