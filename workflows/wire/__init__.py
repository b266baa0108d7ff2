"""What crosses the wire: payloads, messages, search attributes, refusals, what lies beside the histories."""
