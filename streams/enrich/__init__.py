"""From activity to dossiers: what is known of a pool at a moment."""
