"""An effect may be sent once more, as a row of its own."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('eventstore', '0014_dead_letters'),
    ]

    operations = [
        migrations.AddField(
            model_name='effect',
            name='resend',
            field=models.IntegerField(db_default=0, default=0),
        ),
        # The new constraint first: at no moment could an event be noted twice.
        migrations.AddConstraint(
            model_name='effect',
            constraint=models.UniqueConstraint(fields=('reactor', 'event_id', 'resend'), name='effect_once_per_resend'),
        ),
        migrations.AddConstraint(
            model_name='effect',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'pending')), fields=('reactor', 'event_id'), name='effect_pending_once'),
        ),
        migrations.AddConstraint(
            model_name='effect',
            constraint=models.CheckConstraint(condition=models.Q(('resend__gte', 0)), name='effect_resend_from_0'),
        ),
        migrations.RemoveConstraint(
            model_name='effect',
            name='effect_once_per_event',
        ),
    ]
