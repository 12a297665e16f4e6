"""From dossiers to verdicts. Knows text and tensors; knows neither Kafka nor chains."""
