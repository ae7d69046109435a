"""The questions of each lesson, with their explanations.

They stand here and not in the notebooks, so that reading a lesson's cells gives no answer away.
"""
