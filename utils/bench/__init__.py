# SPDX-License-Identifier: BSD-3-Clause
"""The parts of utils/benchmark: a module for each thing that is measured, and what they share."""
