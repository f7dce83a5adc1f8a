"""What a wallet keeps on disk: its keys, its pinned chain, its account cards."""
