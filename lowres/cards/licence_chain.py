"""From the licences of data and base to what a trained model may be used for."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from lowres.cards.licences import SPDX

Answer = Literal["yes", "ask", "no"]
PRIVATE = "private"
_SHARE_ALIKE = re.compile(r"CC-BY(?:-NC)?-SA-|^A?L?GPL-|^ODbL-|^CDLA-Sharing-|^EUPL-|^OFL-")
_ORDER: Sequence[Answer] = ("yes", "ask", "no")


@dataclass(frozen=True)
class Terms:
    """What a licence says on the uses that matter for a model. `commercial`: may it be sold, or used to earn money?

    `redistribute`: may the texts themselves be passed on? `derivatives`: may something made from them? `share_alike`: must that
    have the same licence? `restricted`: does it forbid uses, whoever has the model? `note` says what else there is
    to know; `known` is False for a licence that is not in the table.
    """

    licence: str
    commercial: Answer = "yes"
    redistribute: Answer = "yes"
    derivatives: Answer = "yes"
    share_alike: bool = False
    restricted: bool = False
    note: str = ""
    known: bool = True


# Licences that communities wrote for their own data, by the name in small letters without its version.
COMMUNITY = {
    "noodl": Terms(
        "NOODL-1.0",
        commercial="ask",
        note="Nwulite Obodo Open Data License: free for users in developing countries; others share the benefits with the community",
    ),
    "esethu": Terms(
        "Esethu",
        commercial="ask",
        note="Esethu License: who earns money with the data pays into the making of further data; its stewards say how",
    ),
}
# Licences of models that restrict what they may be used for, likewise.
MODELS = {
    "gemma": Terms("Gemma", restricted=True, note="Gemma Terms of Use; whoever passes the model on adds them"),
    "bigscience-bloom-rail": Terms(
        "BigScience-BLOOM-RAIL-1.0", restricted=True, note="whoever passes the model on adds its terms"
    ),
}
_NAMES = {"nwulite-obodo": "noodl", "nwulite-obodo-open-data": "noodl"}


def terms_of(licence: str) -> Terms:
    """The terms of a licence, by its SPDX identifier, its name on the hub, a community licence's name, or “private”."""
    name = re.sub(r"[\s_]+", "-", licence.strip()).lower()
    if name == PRIVATE:
        note = "known to its owners alone; they say what may become of the model"
        return Terms(PRIVATE, "ask", "no", "ask", note=note)
    plain = re.sub(r"(?:-licen[cs]e)?(?:-v?\d+(?:\.\d+)*)?$", "", name)
    plain = _NAMES.get(plain, plain)
    if plain in COMMUNITY | MODELS:
        return (COMMUNITY | MODELS)[plain]
    spdx = SPDX.get(name) or next((one for one in SPDX.values() if one.lower() == name), "")
    if not spdx:
        return Terms(licence, "ask", "ask", "ask", note="not in lowres's table: read it yourself", known=False)
    return Terms(
        spdx,
        commercial="no" if "-NC" in spdx else "yes",
        derivatives="no" if "-ND" in spdx else "yes",
        share_alike=bool(_SHARE_ALIKE.search(spdx)),
    )


@dataclass(frozen=True)
class Link:
    """One thing that the model was made from: a data set or a base, with its licence.

    `redistribute` is what its card says beyond the licence; without a card what the licence says.
    """

    role: Literal["data", "base"]
    name: str
    licence: str
    redistribute: Answer = "yes"

    @property
    def terms(self) -> Terms:
        """The terms of its licence."""
        return terms_of(self.licence)

    @property
    def passed_on(self) -> Answer:
        """Whether its content may be passed on: the stricter of card and licence."""
        return max(self.redistribute, self.terms.redistribute, key=_ORDER.index)


@dataclass(frozen=True)
class LicenceChain:
    """All that a model was made from."""

    links: tuple[Link, ...]

    @property
    def commercial(self) -> Answer:
        """Whether the model may be used to earn money: the strictest of all."""
        return max((link.terms.commercial for link in self.links), key=_ORDER.index, default="yes")

    @property
    def share_alike(self) -> tuple[str, ...]:
        """The licences that the model must have, too; more than one contradict each other."""
        return tuple(dict.fromkeys(link.terms.licence for link in self.links if link.terms.share_alike))

    @property
    def to_agree(self) -> tuple[Link, ...]:
        """What may be passed on, or changed, only if its owners agree, or not at all."""
        return tuple(link for link in self.links if link.passed_on != "yes" or link.terms.derivatives != "yes")

    @property
    def licence(self) -> str:
        """A licence for the model, or “other” where no single one follows from the chain."""
        alike = self.share_alike
        plain = all(
            one.known and not one.restricted and one.commercial != "ask" for one in (link.terms for link in self.links)
        )
        if len(alike) == 1 and plain:
            return alike[0] if self.commercial == "yes" or "-NC" in alike[0] else "other"
        names = {link.terms.licence for link in self.links}
        return names.pop() if len(names) == 1 else "other"

    def sentences(self) -> list[str]:
        """The chain in plain words: each link, then what follows for the model."""
        lines = []
        for link in self.links:
            more = [link.terms.note] if link.terms.note else []
            if link.passed_on != "yes" and link.licence != PRIVATE:
                more.append(
                    "may not be passed on" if link.passed_on == "no" else "may be passed on only if its owners agree"
                )
            lines.append(
                f"{link.role}: {link.name}, {link.terms.licence or 'no licence known'}"
                + "".join(f"; {one}" for one in more)
            )
        return [*lines, *self._result()]

    def _result(self) -> list[str]:
        by = {answer: ", ".join(one.name for one in self.links if one.terms.commercial == answer) for answer in _ORDER}
        said = {
            "yes": "model: may be used by everyone, also to earn money",
            "ask": f"model: may be used to earn money only as the owners of {by['ask']} allow",
            "no": f"model: may not be used to earn money, because of {by['no']}",
        }
        lines = [said[self.commercial]]
        if restricting := dict.fromkeys(link.terms.licence for link in self.links if link.terms.restricted):
            lines.append(f"model: only for uses that {' and '.join(restricting)} allows")
        if len(self.share_alike) == 1:
            lines.append(f"model: must be passed on under {self.share_alike[0]}")
        elif self.share_alike:
            both = " and ".join(self.share_alike)
            lines.append(
                f"model: {both} each ask for themselves alone; passing it on needs the agreement of the owners"
            )
        if unchanged := [link.name for link in self.links if link.terms.derivatives == "no"]:
            lines.append(f"model: nothing made from {', '.join(unchanged)} may be passed on")
        return lines
