package fi.yhdessa;

import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.context.support.ConceptValidationOptions;
import ca.uhn.fhir.context.support.DefaultProfileValidationSupport;
import ca.uhn.fhir.context.support.ValidationSupportContext;
import ca.uhn.fhir.validation.FhirValidator;
import ca.uhn.fhir.validation.SingleValidationMessage;
import ca.uhn.fhir.validation.ValidationOptions;
import ca.uhn.fhir.validation.ValidationResult;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.hl7.fhir.common.hapi.validation.support.CommonCodeSystemsTerminologyService;
import org.hl7.fhir.common.hapi.validation.support.InMemoryTerminologyServerValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.PrePopulatedValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.SnapshotGeneratingValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.ValidationSupportChain;
import org.hl7.fhir.common.hapi.validation.validator.FhirDefaultPolicyAdvisor;
import org.hl7.fhir.common.hapi.validation.validator.FhirInstanceValidator;
import org.hl7.fhir.instance.model.api.IBaseResource;
import org.hl7.fhir.r4.model.Questionnaire;
import org.hl7.fhir.r4.model.ValueSet;
import org.hl7.fhir.r5.context.IWorkerContext;
import org.hl7.fhir.r5.elementmodel.Element;
import org.hl7.fhir.r5.elementmodel.Manager.FhirFormat;
import org.hl7.fhir.r5.elementmodel.Manager;
import org.hl7.fhir.r5.model.CanonicalResource;
import org.hl7.fhir.r5.model.CanonicalType;
import org.hl7.fhir.r5.utils.validation.IResourceValidator;
import org.hl7.fhir.r5.utils.validation.IValidatorResourceFetcher;
import org.hl7.fhir.r5.utils.validation.constants.ReferenceValidationPolicy;

/**
 * The official validator (in its HAPI packaging) as a filter: lines {"id", "text", "profiles": []} come in, lines
 * {"id", "valid", "issues": [{severity, location, message}], "ms"} go out, in any order. Arguments: the number of
 * threads, then folders of conformance resources.
 */
public final class Verdicts {
    private static final ObjectMapper MAPPER = new ObjectMapper();

    public static void main(String[] arguments) throws Exception {
        FhirContext context = FhirContext.forR4();
        Given given = new Given(context);
        for (int index = 1; index < arguments.length; index++) {
            try (Stream<Path> files = Files.walk(Path.of(arguments[index]))) {
                for (Path file : files.filter(one -> one.toString().endsWith(".json")).sorted().toList()) {
                    given.addResource(context.newJsonParser().parseResource(Files.readString(file)));
                }
            }
        }
        FhirValidator validator = validator(context, given);
        ExecutorService workers = Executors.newFixedThreadPool(Integer.parseInt(arguments[0]));
        PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String request = line;
            workers.submit(() -> {
                String answer = answer(validator, request);
                synchronized (out) {
                    out.println(answer);
                    out.flush();
                }
            });
        }
        workers.shutdown();
        workers.awaitTermination(1, TimeUnit.DAYS);
    }

    /** HAPI's own support does not hand out Questionnaires. */
    private static final class Given extends PrePopulatedValidationSupport {
        private final Map<String, IBaseResource> questionnaires = new HashMap<>();

        Given(FhirContext context) {
            super(context);
        }

        @Override
        public void addResource(IBaseResource resource) {
            if (resource instanceof Questionnaire questionnaire) {
                questionnaires.put(questionnaire.getUrl(), questionnaire);
            } else {
                super.addResource(resource);
            }
        }

        @Override
        public <T extends IBaseResource> T fetchResource(Class<T> kind, String uri) {
            IBaseResource found = questionnaires.get(uri);
            return kind.isInstance(found) ? kind.cast(found) : super.fetchResource(kind, uri);
        }
    }

    /** HAPI answers for `languages` itself, as an error, though R4 only prefers that value set. */
    private static final class Common extends CommonCodeSystemsTerminologyService {
        Common(FhirContext context) {
            super(context);
        }

        @Override
        public CodeValidationResult validateCodeInValueSet(
                ValidationSupportContext support, ConceptValidationOptions options,
                String system, String code, String display, IBaseResource valueSet) {
            String url = valueSet instanceof ValueSet one ? one.getUrl() : null;
            boolean preferred = LANGUAGES_VALUESET_URL.equals(url);
            return preferred ? null : super.validateCodeInValueSet(support, options, system, code, display, valueSet);
        }

        @Override
        public boolean isValueSetSupported(ValidationSupportContext support, String url) {
            return !LANGUAGES_VALUESET_URL.equals(url) && super.isValueSetSupported(support, url);
        }
    }

    /** A target that is not in the text is judged by the type that its address names. */
    private static final class TypesOfTargets extends FhirDefaultPolicyAdvisor {
        @Override
        public ReferenceValidationPolicy policyForReference(
                IResourceValidator validator, Object context, String path, String url, ReferenceDestinationType to) {
            return ReferenceValidationPolicy.CHECK_TYPE_IF_EXISTS;
        }
    }

    /** For `Patient/1` an empty Patient: enough to tell its type. */
    private static final class Stubs implements IValidatorResourceFetcher {
        private static final Pattern ADDRESS = Pattern.compile("([A-Z][A-Za-z]+)/[A-Za-z0-9.-]{1,64}(/_history/[^/]+)?");

        @Override
        public Element fetch(IResourceValidator validator, Object context, String url) throws IOException {
            Matcher found = ADDRESS.matcher(url);
            IWorkerContext definitions = validator.getContext();
            if (!found.matches() || !definitions.getResourceNamesAsSet().contains(found.group(1))) {
                return null;
            }
            byte[] text = ("{\"resourceType\": \"" + found.group(1) + "\"}").getBytes(StandardCharsets.UTF_8);
            return Manager.parseSingle(definitions, new ByteArrayInputStream(text), FhirFormat.JSON);
        }

        @Override
        public boolean resolveURL(
                IResourceValidator validator, Object context, String path, String url, String type, boolean canonical,
                List<CanonicalType> targets) {
            return true;
        }

        @Override
        public byte[] fetchRaw(IResourceValidator validator, String url) {
            return null;
        }

        @Override
        public IValidatorResourceFetcher setLocale(Locale locale) {
            return this;
        }

        @Override
        public CanonicalResource fetchCanonicalResource(IResourceValidator validator, Object context, String url) {
            return null;
        }

        @Override
        public boolean fetchesCanonicalResource(IResourceValidator validator, String url) {
            return false;
        }

        @Override
        public Set<String> fetchCanonicalResourceVersions(IResourceValidator validator, Object context, String url) {
            return Set.of();
        }
    }

    private static FhirValidator validator(FhirContext context, PrePopulatedValidationSupport given) {
        ValidationSupportChain chain = new ValidationSupportChain(
            given,
            new DefaultProfileValidationSupport(context),
            new SnapshotGeneratingValidationSupport(context),
            new Common(context),
            new InMemoryTerminologyServerValidationSupport(context));
        FhirInstanceValidator module = new FhirInstanceValidator(chain);
        module.setAnyExtensionsAllowed(true);
        module.setErrorForUnknownProfiles(false);
        module.setNoTerminologyChecks(false);
        module.setValidatorPolicyAdvisor(new TypesOfTargets());
        module.setValidatorResourceFetcher(new Stubs());
        return context.newValidator().registerValidatorModule(module);
    }

    private static String answer(FhirValidator validator, String line) {
        try {
            JsonNode request = MAPPER.readTree(line);
            ValidationOptions options = new ValidationOptions();
            request.path("profiles").forEach(one -> options.addProfile(one.asText()));
            ObjectNode answer = MAPPER.createObjectNode().put("id", request.get("id").asText());
            ArrayNode issues = answer.putArray("issues");
            long start = System.nanoTime();
            boolean valid = judge(validator, request.get("text").asText(), options, issues);
            answer.put("valid", valid).put("ms", (System.nanoTime() - start) / 1e6);
            return MAPPER.writeValueAsString(answer);
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    private static boolean judge(FhirValidator validator, String text, ValidationOptions options, ArrayNode issues) {
        try {
            ValidationResult result = validator.validateWithResult(text, options);
            for (SingleValidationMessage one : result.getMessages()) {
                issues.addObject().put("severity", one.getSeverity().getCode())
                    .put("location", one.getLocationString()).put("message", one.getMessage());
            }
            return result.isSuccessful();
        } catch (RuntimeException error) {
            // What the validator cannot even read is not valid.
            String message = error.getClass().getSimpleName() + ": " + error.getMessage();
            issues.addObject().put("severity", "fatal").put("location", "").put("message", message);
            return false;
        }
    }
}
