# What real senders post, byte for byte, and the answers they survive: rsyslog's
# omhttp batches, and the two directives for senders that drop or loop.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::XS;
use Mutt::Test;
use Test::More;

my $t = Mutt::Test->new()->has(qw(redis nginx))->plan(16);

$t->env(INGEST_MAX_RATE => 100, INGEST_RATE_WINDOW => 3600);
$t->conf(<<'EOC');
location / { mutt_ingest; mutt_health; mutt_metrics; }
location = /ingest {
    mutt_limit_status  503;
    mutt_malformed     dead-letter;
    mutt_ingest;
}
EOC
$t->run();

sub post {
    my ($path, $body, %headers) = @_;

    return $t->http('POST', $path, $body, 'X-API-KEY' => $t->key('ingest'),
        %headers);
}

# one message as a template of omhttp writes it
sub message {
    return '{"hostname":"core-r1","message":" link \"' . $_[0]
        . '\" down\\\\","timestamp":"2026-11-20T10:00:00.123456+01:00",'
        . '"syslog_severity":"3","facility":"local7","program":"app",'
        . '"source_ip":"192.0.2.7"}';
}

###############################################################################
# omhttp: single messages, batch.format newline and jsonarray

my %json = ('Content-Type' => 'application/json; charset=utf-8',
    'Expect' => undef);

is(post('/api/v2/ingest', message(1), %json)->{code}, 200, 'one message');
is(post('/api/v2/ingest', join("\n", map { message($_) } 1 .. 3),
    'Content-Type' => 'text/plain')->{json}{accepted}, 3,
    'a batch of lines, as text');
is(post('/api/v2/ingest', '[' . join(',', map { message($_) } 1 .. 3) . ']',
    %json)->{json}{accepted}, 3, 'a batch as an array');

my $queued = decode_json(scalar $t->redis('lindex', 'mutt:ingest_queue', 0));

is($queued->{message}, ' link "3" down\\', 'the message is intact');
is($queued->{syslog_severity}, 3, 'the severity is a number');

###############################################################################
# a sender that would repeat a 400 for ever

my $r = post('/ingest', 'no JSON at all', 'Content-Type' => 'text/plain');

is($r->{code}, 200, 'with dead-letter a bad body is answered 200');
is($r->{json}{status}, 'rejected', 'as what it is');

my $letter = decode_json(scalar $t->redis('lindex', 'mutt:dlq:rejected', 0));

is($letter->{raw}, 'no JSON at all', 'and kept');
is($letter->{code}, 'invalid_json', 'with the reason');
is($letter->{source}, 'ingest', 'and who sent it');
is(post('/ingest', '[{},' . message(9), %json)->{json}{status}, 'rejected',
    'a cut array is one body');
is(post('/api/v2/ingest', 'no JSON at all')->{code}, 400,
    'without it, 400');

###############################################################################
# a sender that drops what is answered 429

post('/api/v2/ingest', '[' . join(',', map { message($_) } 1 .. 93) . ']');
is(post('/api/v2/ingest', message(1))->{code}, 429, 'over the limit: 429');
$r = post('/ingest', message(1));
is($r->{code}, 503, 'or 503, where that was chosen');
is($r->{json}{code}, 'rate_limited', 'with the same code');
is($t->ledger()->{accepted}, 100, 'nothing over the limit was taken');
