"""Names of simulated people; they carry no information."""

import numpy as np

_FIRST = """
Ada Alan Amara Anders Anita Arjun Astrid Aylin Bea Ben Carla Carlos Chen Clara Dana David Divya Elena Emil Emma Erik
Esra Fatima Felix Fiona Gita Grace Hana Hassan Helen Hugo Ida Ines Ivan Jada James Jana Jin Jonas Julia Kai Karim Kate
Kofi Lara Lea Leo Lin Lucas Lucia Maja Marco Maria Mateo Maya Mei Milan Mina Nadia Naomi Nils Noah Nora Olga Omar Oscar
Paula Pedro Priya Rafael Rahul Rania Rosa Ruth Sam Sana Sara Selma Simon Sofia Stefan Tara Theo Tom Uma Vera Victor Wei
Xenia Yara Yusuf Zoe
"""
_LAST = """
Abbott Adeyemi Ahmed Andersen Bauer Becker Bennett Berg Bianchi Brandt Brown Campos Castillo Chen Clarke Costa Cruz Dahl
Diaz Dubois Eriksen Evans Farah Fischer Fontaine Ford Garcia Gupta Haas Hansen Hayes Hoffmann Huang Ibrahim Ito Iyer
Jansen Jensen Jones Joshi Kaya Keller Khan Kim King Klein Kowalski Kumar Lang Larsen Lee Lopez Mancini Martin Meyer Mori
Muller Murphy Nakamura Ndiaye Nguyen Novak Nowak Okafor Olsen Ortiz Osei Park Patel Perez Petrov Ramos Rao Reyes Ricci
Rossi Roux Ruiz Sato Schmidt Silva Singh Smith Sorensen Suzuki Tanaka Torres Vargas Vogel Wagner Walker Wang Weber White
Wolf Wood Yilmaz Young Zhang
"""


def people_names(count: int, rng: np.random.Generator) -> list[str]:
    """`count` names, none twice: a running number follows when the names are used up."""
    pairs = [f"{first} {last}" for first in _FIRST.split() for last in _LAST.split()]
    order = rng.permutation(len(pairs))
    rounds = [f" {number + 1}" if number else "" for number in range(count // len(pairs) + 1)]
    return [pairs[order[place % len(pairs)]] + rounds[place // len(pairs)] for place in range(count)]
