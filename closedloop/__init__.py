"""Send newsletters through Optimizely Campaign over SFTP and bring every reaction home."""

__version__ = "0.1.0"
