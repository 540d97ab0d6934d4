from flask_wtf import FlaskForm
from wtforms import StringField

from app.forms import blame
from core.errors import BadRequest


class Pair(FlaskForm):
    one = StringField()
    two = StringField()


def test_a_refusal_stands_at_the_field_it_is_about(app):
    with app.test_request_context():
        form = Pair()

        blame(form, BadRequest("No.", param="second"), fields={"second": "two"}, default="one")

        assert (list(form.one.errors), list(form.two.errors)) == ([], ["No."])


def test_a_refusal_about_nothing_in_particular_stands_at_the_first(app):
    with app.test_request_context():
        form = Pair()

        blame(form, BadRequest("No."), fields={"second": "two"}, default="one")

        assert list(form.one.errors) == ["No."]
