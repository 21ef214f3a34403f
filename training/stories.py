"""Short stories in plain English from a seeded generator.

A language model of a million parameters cannot learn general prose, but it learns a small world
well. A story here has a hero, a friend, a place, some weather and a thing; one plot strings them
together and every sentence comes in several wordings. Characters keep their name, kind and
pronoun from the first sentence to the last, so what a small model must learn is agreement and
reference, not facts. `story(rng)` returns one story of some 60 to 140 words as one line.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass


def _words(text: str) -> list[str]:
    """The entries of a word list: phrases between semicolons, or single words."""
    return text.split("; ") if ";" in text else text.split()


GIRLS = _words(
    "Anna Lily Mia Rosa Clara Ella Nora Ivy Ruth Sara Maya Lucy Emma Jane Alice Daisy Zoe Tess"
)
BOYS = _words(
    "Tom Ben Sam Max Leo Jack Oscar Finn Hugo Peter Noah Adam Henry Carl Theo Milo Paul David"
)
ANIMALS = _words(
    "fox bear rabbit mouse owl hedgehog squirrel frog duck cat dog goat badger turtle sparrow "
    "donkey otter beaver lamb pony"
)
TRAITS = _words(
    "little kind clever shy brave curious quiet gentle cheerful young friendly careful lonely "
    "sleepy patient hungry"
)
PLACES = {
    "forest": "in the forest",
    "village": "in a small village",
    "hill": "on a green hill",
    "river": "by the river",
    "sea": "near the sea",
    "farm": "on an old farm",
    "lake": "beside a quiet lake",
    "valley": "in a deep valley",
    "mill": "next to the old mill",
    "garden": "in a large garden",
    "town": "at the edge of the town",
    "mountain": "under the mountain",
}
WEATHER = (
    ("The sun was shining", "a warm and bright"),
    ("It was raining", "a cold and wet"),
    ("Snow was falling", "a white and silent"),
    ("The wind was blowing", "a grey and windy"),
    ("There was fog everywhere", "a dark and misty"),
    ("The sky was clear", "a fresh and blue"),
)
THINGS = _words(
    "red ball; wooden boat; silver key; blue hat; yellow kite; small lamp; golden ring; thick "
    "book; green scarf; little drum; brass bell; round stone; paper star; warm coat; glass "
    "cup; tiny clock; white shell; painted box"
)
FOODS = _words(
    "bread; apples; soup; honey; berries; cake; nuts; cheese; carrots; pears; porridge; plums"
)
HIDING = _words(
    "under a bush; behind a tree; in the long grass; under the bridge; on top of the wall; "
    "between two rocks; in an empty barrel; beside the path; near the well; under the bed"
)
MORALS = (
    "a friend is the best thing to have",
    "it is good to share",
    "it is never too late to say sorry",
    "small people can do great things",
    "it helps to ask for help",
    "being kind costs nothing",
    "hard work makes you proud",
    "it is wise to be patient",
    "telling the truth is always better",
)
JOBS = (
    ("build a house", "house", "wood"),
    ("build a bridge", "bridge", "stones"),
    ("plant a garden", "garden", "seeds"),
    ("bake a big cake", "cake", "flour"),
    ("make a warm blanket", "blanket", "wool"),
    ("repair the old boat", "boat", "nails"),
    ("paint the fence", "fence", "paint"),
    ("make a paper kite", "kite", "paper"),
)
TIMES = _words("morning afternoon evening day")


@dataclass(frozen=True)
class Character:
    """`name` opens sentences; `intro` is how the character is first mentioned, with an article."""

    name: str
    intro: str
    he: str
    him: str
    his: str

    @property
    def He(self) -> str:
        return self.he.capitalize()

    @property
    def subject(self) -> str:
        """The name at the start of a sentence."""
        return self.name[0].upper() + self.name[1:]


def _article(word: str) -> str:
    return ("an " if word[0] in "aeiou" else "a ") + word


def _cast(rng: random.Random) -> tuple[Character, Character]:
    """Two characters with different names and, if both are animals, different kinds."""
    people: list[Character] = []
    kinds = rng.sample(ANIMALS, 2)
    girls, boys = rng.sample(GIRLS, 2), rng.sample(BOYS, 2)
    for i in range(2):
        trait = rng.choice(TRAITS)
        girl = rng.random() < 0.5
        pronouns = ("she", "her", "her") if girl else ("he", "him", "his")
        name = girls[i] if girl else boys[i]
        style = rng.random()
        if style < 0.4:
            intro = f"{_article(trait)} {'girl' if girl else 'boy'} named {name}"
        elif style < 0.75:
            intro = f"{_article(trait)} {kinds[i]} named {name}"
        else:
            name, intro = f"the {kinds[i]}", f"{_article(trait)} {kinds[i]}"
        people.append(Character(name, intro, *pronouns))
    return people[0], people[1]


class Scene:
    """One draw of everything a plot may mention, and the wording choices."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.a, self.b = _cast(rng)
        self.place = rng.choice(list(PLACES))
        self.where = PLACES[self.place]
        self.sky, self.adjective = rng.choice(WEATHER)
        self.thing = rng.choice(THINGS)
        self.food = rng.choice(FOODS)
        self.hidden = rng.choice(HIDING)
        self.moral = rng.choice(MORALS)
        self.time = rng.choice(TIMES)
        self.job, self.result, self.material = rng.choice(JOBS)

    def one(self, *wordings: str) -> str:
        return self.rng.choice(wordings)

    def opening(self) -> str:
        a = self.a
        return self.one(
            f"Once upon a time there was {a.intro}.",
            f"Once upon a time, {a.intro} lived {self.where}.",
            f"Once upon a time there was {a.intro} who lived {self.where}.",
            f"Long ago, {a.intro} lived {self.where}.",
            f"There once was {a.intro} who lived {self.where}.",
            f"{self.where[0].upper()}{self.where[1:]} lived {a.intro}.",
            f"This is the story of {a.intro}.",
        )

    def one_day(self) -> str:
        return self.one(
            f"One {self.time}, ",
            f"It was {self.adjective} {self.time}. ",
            f"One day, when it was {self.adjective.removeprefix('a ')} outside, ",
            f"{self.sky} that {self.time}. ",
        )

    def meets(self) -> str:
        a, b = self.a, self.b
        return self.one(
            f"On the way {a.he} met {b.intro}.",
            f"Soon {a.he} met {b.intro}.",
            f"Then {b.intro} came along the path.",
            f"Just then, {b.intro} came by.",
        )

    def ending(self) -> str:
        a, b = self.a, self.b
        return self.one(
            f"From that day on, {a.name} and {b.name} were best friends.",
            f"{a.subject} learned that {self.moral}.",
            f"That night, {a.name} slept well and was happy.",
            "They laughed and walked home together.",
            f"{a.subject} was very happy, and so was {b.name}.",
            f"And {a.name} never forgot that {self.moral}.",
            f"In the end, they sat down together and ate some {self.food}.",
            "After that, they played together every day.",
        )


def _join(start: str, sentence: str) -> str:
    """`start` either ends a sentence or hangs on a comma."""
    if start.endswith(", "):
        return start + sentence
    return start + sentence[0].upper() + sentence[1:]


def lost_thing(s: Scene) -> list[str]:
    a, b = s.a, s.b
    return [
        s.one(
            f"{a.subject} had a {s.thing} and loved it very much.",
            f"{a.He} had a {s.thing}, and {a.he} took it everywhere.",
            f"{a.his.capitalize()} favorite thing was a {s.thing}.",
        ),
        _join(
            s.one_day(),
            s.one(
                f"{a.name} could not find the {s.thing}.",
                f"{a.name} saw that the {s.thing} was gone.",
                f"{a.name} lost the {s.thing} and began to cry.",
            ),
        ),
        s.one(
            f"{a.He} looked everywhere, but it was not there.",
            f"{a.He} looked in the house and in the garden, but {a.he} did not find it.",
            f"{a.He} was very sad.",
        ),
        s.meets(),
        s.one(
            f'"Why are you so sad?" asked {b.name}.',
            f'"What is wrong?" asked {b.name}.',
            f'"Can I help you?" said {b.name}.',
        ),
        s.one(
            f'"I have lost my {s.thing}," said {a.name}.',
            f'"My {s.thing} is gone," said {a.name}, "and I cannot find it."',
        ),
        s.one(
            '"Do not worry, we will look for it together."',
            f'"Let us look for it together," said {b.name}.',
            f'"I will help you," said {b.name}, and they went to look for it.',
        ),
        s.one(
            f"After a long time, {b.name} found the {s.thing} {s.hidden}.",
            f"At last they found the {s.thing} {s.hidden}.",
            f"They searched until the evening. Then {a.name} saw the {s.thing} {s.hidden}.",
        ),
        s.one(
            f'"Thank you!" said {a.name}.',
            f'"Thank you so much," said {a.name} with a smile.',
            f"{a.subject} jumped with joy and thanked {b.name}.",
        ),
    ]


def sharing(s: Scene) -> list[str]:
    a, b = s.a, s.b
    return [
        _join(
            s.one_day(),
            s.one(
                f"{a.name} had a basket full of {s.food}.",
                f"{a.name} went out to eat some {s.food}.",
                f"{a.name} wanted to have {s.food} for lunch.",
            ),
        ),
        s.meets(),
        s.one(
            f"{b.subject} had nothing to eat.",
            f"{b.subject} was tired and very hungry.",
            f"{b.subject} looked hungry and cold.",
        ),
        s.one(
            f'"Please, may I have some {s.food}?" asked {b.name}.',
            f'"Could you give me some {s.food}?" asked {b.name}.',
        ),
        s.one(
            f"At first, {a.name} did not want to share.",
            f"{a.subject} thought about it for a while.",
            f"{a.subject} looked at the {s.food} and then at {b.name}.",
        ),
        s.one(
            f'Then {a.he} said, "Yes, there is enough for both of us."',
            f'But then {a.he} smiled and said, "Take as much as you like."',
            f'"Of course," said {a.name}, "let us eat together."',
        ),
        s.one(
            f"They sat down {s.hidden} and ate all of the {s.food}.",
            f"So they sat in the sun and shared the {s.food}.",
            "They ate and talked until it was dark.",
        ),
        s.one(
            f"The next day, {b.name} brought a {s.thing} as a gift.",
            f"A week later, {b.name} came back and gave {a.him} a {s.thing}.",
            f'"You are very kind," said {b.name}.',
        ),
    ]


def building(s: Scene) -> list[str]:
    a, b = s.a, s.b
    return [
        s.one(
            f"{a.subject} wanted to {s.job}.",
            f"More than anything, {a.name} wanted to {s.job}.",
            f"Every day, {a.name} dreamed about how to {s.job}.",
        ),
        _join(
            s.one_day(),
            s.one(
                f"{a.name} began to work, but it was too hard to do alone.",
                f"{a.name} looked for {s.material}, but there was not enough.",
                f"{a.name} tried to do it, but everything went wrong.",
            ),
        ),
        s.one(
            f'"I will never finish," {a.he} said.',
            f'"This is too hard for me," said {a.name}.',
            f"{a.He} sat down and did not know what to do.",
        ),
        s.meets(),
        s.one(
            f'"What are you doing?" asked {b.name}.',
            f'"That looks like hard work," said {b.name}.',
        ),
        s.one(
            f'"I want to {s.job}," said {a.name}, "but I need help."',
            f'"I am trying to {s.job}," said {a.name}, "but I cannot do it alone."',
        ),
        s.one(
            f"So {b.name} went to get more {s.material}.",
            f'"I have some {s.material} at home," said {b.name}, and ran to get it.',
            f'"Then let us do it together," said {b.name}.',
        ),
        s.one(
            f"They worked all day, and at last the {s.result} was ready.",
            f"They worked hard for three days until the {s.result} was done.",
            f"First they were slow, but soon the {s.result} was finished.",
        ),
        s.one(
            f"It was the best {s.result} {s.where}.",
            f"Everyone came to see the {s.result}.",
            f'"It is beautiful!" said {a.name}.',
        ),
    ]


def storm(s: Scene) -> list[str]:
    a, b = s.a, s.b
    return [
        s.one(
            f"{a.subject} liked to walk alone and look at the clouds.",
            f"{a.subject} loved to go for long walks.",
        ),
        s.one(
            f"One {s.time}, {a.he} walked very far from home.",
            f"One {s.time}, {a.he} went too far and did not know the way back.",
        ),
        s.one(
            "Suddenly the sky became dark, and a storm began.",
            "Then the wind grew strong, and it started to rain.",
            "Soon there was thunder, and the rain was very cold.",
        ),
        s.one(
            f"{a.subject} was afraid.",
            f"{a.subject} was wet and afraid, so {a.he} hid {s.hidden}.",
            f"{a.He} ran as fast as {a.he} could, but {a.he} was lost.",
        ),
        s.one(
            f"Then {a.he} saw a light in the dark. It was the house of {b.intro}.",
            f"At last {a.he} came to a small house, where {b.intro} lived.",
        ),
        s.one(
            f'"Come in," said {b.name}, "it is warm in here."',
            f'"You are all wet!" said {b.name}. "Come in and sit by the fire."',
        ),
        s.one(
            f"{b.subject} gave {a.him} hot {s.food} and a blanket.",
            f"They sat by the fire and ate some {s.food}.",
            f"{a.subject} sat by the fire until {a.he} was dry and warm.",
        ),
        s.one(
            f"In the morning the storm was over, and {b.name} showed {a.him} the way home.",
            "When the rain stopped, they walked home together.",
            "The next morning the sun was shining again, and the birds were singing.",
        ),
    ]


def race(s: Scene) -> list[str]:
    a, b = s.a, s.b
    return [
        s.one(
            f"{a.subject} was not very fast, but {a.he} never gave up.",
            f"Everyone said that {a.name} was too slow.",
        ),
        s.one(
            f"{a.He} had a friend, {b.intro}.",
            f"Not far away lived {b.intro}.",
        ),
        _join(
            s.one_day(),
            s.one(
                f'{b.name} said, "Let us run to the {s.place} and back."',
                f'{b.name} asked, "Do you want to have a race?"',
            ),
        ),
        s.one(
            f'"Yes," said {a.name}, "I will try."',
            f'"I am not fast," said {a.name}, "but I will do my best."',
        ),
        s.one(
            f"At first, {b.name} was far ahead.",
            f"{b.subject} ran away like the wind.",
        ),
        s.one(
            f"But then {b.name} stopped to rest {s.hidden} and fell asleep.",
            f"But after a while {b.name} was tired and stopped to eat some {s.food}.",
            f"But {b.name} fell over a stone and hurt {b.his} foot.",
        ),
        s.one(
            f"{a.subject} went on, step by step, and did not stop.",
            f"{a.subject} walked and walked, and {a.he} did not look back.",
        ),
        s.one(
            f"In the end, {a.name} won the race, and everyone was surprised.",
            f"{a.subject} came back first, and {b.name} could not believe it.",
            f"When {b.name} came back, {a.name} was already there.",
        ),
        s.one(
            f'"Well done!" said {b.name}.',
            f'"You were better than me today," said {b.name}.',
        ),
    ]


def secret(s: Scene) -> list[str]:
    a, b = s.a, s.b
    return [
        _join(
            s.one_day(),
            s.one(
                f"{a.name} found a {s.thing} {s.hidden}.",
                f"{a.name} was playing outside and found a {s.thing} {s.hidden}.",
            ),
        ),
        s.one(
            f'"Who does it belong to?" {a.he} thought.',
            f"{a.He} took it home and showed it to {a.his} mother.",
            f"It was so beautiful that {a.he} wanted to keep it.",
        ),
        s.one(
            f"The next day, {a.he} met {b.intro}.",
            f"A little later, {a.he} heard {b.intro} crying.",
        ),
        s.one(
            f'"Have you seen my {s.thing}?" asked {b.name}. "I had it yesterday."',
            f'"I have lost my {s.thing}," said {b.name}. "My father gave it to me."',
        ),
        s.one(
            f"{a.subject} did not know what to say.",
            f"For a moment, {a.name} was quiet.",
            f"{a.subject} looked at the ground.",
        ),
        s.one(
            f'Then {a.he} said, "I found it {s.hidden}. Here it is."',
            f'"I have it," {a.he} said at last. "I am sorry that I did not ask."',
        ),
        s.one(
            f'"Thank you for telling the truth," said {b.name}.',
            f"{b.subject} was so happy that {b.he} danced in a circle.",
            f'"You are a good friend," said {b.name}, and smiled.',
        ),
        s.one(
            f"They played with the {s.thing} until the sun went down.",
            f"Then {b.name} gave {a.him} some {s.food}.",
            f"They went back to the {s.place} together.",
        ),
    ]


def wish(s: Scene) -> list[str]:
    a, b = s.a, s.b
    return [
        s.one(
            f"{a.subject} wished for a {s.thing}, but {a.he} had no money.",
            f"What {a.he} wanted most of all was a {s.thing}.",
        ),
        s.one(
            f"Every {s.time}, {a.he} worked for {b.intro}.",
            f"So {a.he} went to {b.intro} and asked for work.",
        ),
        s.one(
            f"{a.He} carried water, cleaned the floor and cooked {s.food}.",
            f"{a.He} worked from morning to night and never complained.",
            f"{a.He} cooked {s.food} and washed the cups.",
        ),
        s.one(
            f'"You work very hard," said {b.name}. "What do you wish for?"',
            f'After a month, {b.name} asked, "What can I give you for your work?"',
        ),
        s.one(
            f'"I would like to have a {s.thing}," said {a.name}.',
            f'"Only a {s.thing}," said {a.name} shyly.',
        ),
        s.one(
            f"{b.subject} smiled and opened an old box. In the box was a {s.thing}.",
            f"The next day there was a {s.thing} in front of the door.",
            f'"Close your eyes," said {b.name}, and gave {a.him} a {s.thing}.',
        ),
        s.one(
            f"{a.subject} could not believe it.",
            f'"Is it really for me?" asked {a.name}.',
            f"{a.subject} danced with joy.",
        ),
    ]


PLOTS: tuple[Callable[[Scene], list[str]], ...] = (
    lost_thing,
    sharing,
    building,
    storm,
    race,
    secret,
    wish,
)


def story(rng: random.Random) -> str:
    scene = Scene(rng)
    plot = rng.choice(PLOTS)
    return " ".join([scene.opening(), *plot(scene), scene.ending()])
